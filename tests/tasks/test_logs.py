"""What is written during a step reaches that step's log, with its subject, and no other step's."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.logs import run_log

CARRIERS = logging.getLogger("simline.carriers")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the run's log was told."""
    return [record.getMessage() for record in caplog.records if record.name == "tasks"]


def test_a_sentence_names_its_manifest_and_its_carrier_account(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), run_log(manifest="m-0123456789ab", account="supersim") as log:
        log.info("12 sent")
    assert said(caplog) == ["m-0123456789ab supersim: 12 sent"]


def test_a_lease_names_its_manifests_the_first_few_and_how_many_more(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), run_log(account="supersim") as log:
        log.of({"m-0123456789ab"}).info("sent 20")
        log.of({f"m-{n}" for n in range(1, 8)}).info("sent 7")
        log.of(set()).info("sent 0")
    assert said(caplog) == [
        "m-0123456789ab supersim: sent 20",
        "m-1, m-2, m-3 and 4 more supersim: sent 7",
        "supersim: sent 0",
    ]


def test_what_the_carrier_adapters_write_in_the_step_and_in_its_threads_is_taken_along(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO), run_log(account="supersim"):
        CARRIERS.warning("an unknown word")
        with ThreadPoolExecutor(1, thread_name_prefix="send-supersim") as pool:
            pool.submit(CARRIERS.info, "a slow answer").result()
    assert said(caplog) == ["supersim: an unknown word", "supersim: a slow answer"]


def test_what_another_step_writes_meanwhile_is_left_to_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), run_log(account="super"):
        with ThreadPoolExecutor(1, thread_name_prefix="send-supersim") as pool:
            pool.submit(CARRIERS.info, "of another account").result()
        other = threading.Thread(target=CARRIERS.info, args=("of another step",))
        other.start()
        other.join()
    assert said(caplog) == []


def test_after_the_step_nothing_is_taken_along(caplog: pytest.LogCaptureFixture) -> None:
    with run_log(account="supersim"):
        assert logging.getLogger("simline").handlers
    assert logging.getLogger("simline").handlers == []
    CARRIERS.warning("too late")
    assert said(caplog) == []
