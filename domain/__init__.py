"""The rules of the field, pure: no clock, files, network, database, Prefect or environment."""
