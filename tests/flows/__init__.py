"""A package of its own: Prefect's server in the test process ends with the last of these tests."""
