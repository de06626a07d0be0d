"""A package of its own: one Prefect server and one `prefect deploy` serve all of it, and end with its last test."""
