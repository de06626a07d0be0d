"""The S3 server of the sources' tests, for the shelf's."""

from tests.storage.sources.conftest import aws_environment, moto_address, new_bucket

__all__ = ["aws_environment", "moto_address", "new_bucket"]
