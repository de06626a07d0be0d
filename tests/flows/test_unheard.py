"""Of a thread that ends nobody hears anything; of all others everybody does."""

import logging
import threading

import pytest

from flows.unheard import unheard


def test_a_server_that_ends_is_not_heard_and_all_others_are(caplog: pytest.LogCaptureFixture) -> None:
    listens, ends, said = threading.Event(), threading.Event(), logging.getLogger("sqlalchemy.pool.impl")

    def server() -> None:
        said.error("it listens")
        listens.set()
        assert ends.wait(10)
        said.error("Exception during reset or similar")

    thread = threading.Thread(target=server)
    thread.start()
    assert listens.wait(10)
    with unheard(thread):
        ends.set()
        thread.join()
        said.error("somebody else has a word")
    said.error("afterwards too")
    assert caplog.messages == ["it listens", "somebody else has a word", "afterwards too"]
