"""The connection to S3, and what its errors mean in sentences. Of a server's answer only the code is told."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from storage.sources.contract import SourceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ACCESS = "Allow s3:ListBucket, s3:GetObject under the prefix, and s3:GetObject and s3:PutObject under results_prefix."
_CREDENTIALS = "Mend the AWS credentials of the worker (environment, shared file or role), then run again."
_REGION = "Set the source's `region` to the bucket's."

ADVICE = {
    "NoSuchBucket": "Create the bucket or correct `bucket`.",
    "AccessDenied": _ACCESS,
    "403": _ACCESS,
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "ExpiredToken": _CREDENTIALS,
    "InvalidToken": _CREDENTIALS,
    "RequestTimeTooSkewed": "Set the clock of this machine, then run again.",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "301": _REGION,
}


def make_client(
    endpoint_url: str | None = None,
    region: str | None = None,
    *,
    connect_timeout_seconds: float = 10.0,
    read_timeout_seconds: float = 60.0,
    attempts: int = 5,
) -> "S3Client":
    """A client with bounded retries; credentials come from the usual AWS places."""
    if endpoint_url and "@" in urlsplit(endpoint_url).netloc:
        raise ValueError("endpoint_url must not hold a user or password. Put the credentials into the environment.")
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if endpoint_url else "auto"},  # others than AWS have no host per bucket
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=connect_timeout_seconds,
        read_timeout=read_timeout_seconds,
        request_checksum_calculation="when_required",  # many servers that speak S3 know no trailing checksums
        response_checksum_validation="when_required",
    )
    return boto3.session.Session().client("s3", endpoint_url=endpoint_url, region_name=region, config=config)


def code_of(error: ClientError) -> str:
    """The server's code for what went wrong; the HTTP status where it gave no body."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


@contextmanager
def in_words(source: str, bucket: str) -> Iterator[None]:
    """Turn errors of S3, the network and the local disk into `SourceUnavailable` with what to do."""
    try:
        yield
    except ClientError as error:
        advice = ADVICE.get(code_of(error), "Nothing was lost: run again later.")
        raise SourceUnavailable(f"Source {source}: bucket {bucket} answered {code_of(error)}. {advice}") from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise SourceUnavailable(f"Source {source}: no credentials for bucket {bucket}. {_CREDENTIALS}") from error
    except BotoCoreError as error:
        raise SourceUnavailable(
            f"Source {source}: bucket {bucket} cannot be reached ({type(error).__name__}). "
            "Check `endpoint_url`, `region` and the network (`simline check`); nothing was lost, run again."
        ) from error
    except OSError as error:
        advice = "Make room on the disk" if error.errno == errno.ENOSPC else "Give the worker access to it"
        raise SourceUnavailable(
            f"Source {source}: a local file cannot be used: {error.strerror or error} ({error.filename}). "
            f"{advice}, then run again."
        ) from error
