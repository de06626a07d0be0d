"""The Prefect server that PREFECT_API_URL names, asked by doors that people use."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


class NotDeployed(Exception):
    """There is no such deployment, or no server. The sentence says what to do."""


class ServerAway(Exception):
    """The server does not answer, or refuses. It may pass; the sentence says what to do."""

    retryable = True


@contextmanager
def server() -> "Iterator[SyncPrefectClient]":
    """A client for the length of the block. Raises `NotDeployed` where no server is named, and `ServerAway`."""
    from httpx import HTTPError
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        raise NotDeployed("No Prefect server is configured. Set PREFECT_API_URL to its address.")
    try:
        with get_client(sync_client=True) as client:
            yield client
    except HTTPError as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise ServerAway(
            f"Prefect did not do it: {said}. Check the server at PREFECT_API_URL; nothing is lost, run again."
        ) from error
