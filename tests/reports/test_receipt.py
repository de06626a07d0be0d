from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from domain.lifecycle import Bucket, Step
from domain.lines import LineCounts, Reason, Verdict
from domain.manifests import ManifestState
from reports.receipt import ReasonCount, Receipt, ReceiptDoesNotAddUp

MakeReceipt = Callable[..., Receipt]


def test_the_four_buckets_add_up_to_the_accepted_lines(mixed: Receipt) -> None:
    assert mixed.buckets == {
        Bucket.DONE: 1870,
        Bucket.IN_PROGRESS: 92,
        Bucket.FAILED: 4,
        Bucket.NEEDS_REVIEW: 14,
    }
    assert sum(mixed.buckets.values()) == mixed.counts.accepted


def test_every_step_has_a_bucket(plain: MakeReceipt) -> None:
    everywhere = plain(LineCounts(lines=len(Step), accepted=len(Step)), dict.fromkeys(Step, 1))
    assert sum(everywhere.buckets.values()) == len(Step)


def test_lines_that_do_not_sum_to_their_ends_are_no_receipt(mixed: Receipt) -> None:
    with pytest.raises(ReceiptDoesNotAddUp, match="five ends"):
        replace(mixed, counts=replace(mixed.counts, lines=2015))


def test_a_sim_without_an_operation_is_no_receipt(mixed: Receipt) -> None:
    with pytest.raises(ReceiptDoesNotAddUp, match="1980 SIMs accepted, 1979 accounted for"):
        replace(mixed, steps={**mixed.steps, Step.DONE: 1869})


def test_a_sim_counted_twice_is_no_receipt(mixed: Receipt) -> None:
    with pytest.raises(ReceiptDoesNotAddUp, match="1981 accounted for"):
        replace(mixed, steps={**mixed.steps, Step.DONE: 1871})


def test_a_negative_count_cannot_hide_behind_a_correct_sum(plain: MakeReceipt) -> None:
    with pytest.raises(ReceiptDoesNotAddUp):
        plain(LineCounts(lines=1, accepted=1), {Step.DONE: 2, Step.REJECTED: -1})


def test_a_plan_that_lost_a_sim_is_no_receipt(mixed: Receipt) -> None:
    with pytest.raises(ReceiptDoesNotAddUp, match="1500 in the table of plans"):
        replace(mixed, by_plan=mixed.by_plan[:1])


def test_reasons_that_explain_too_few_lines_are_no_receipt(mixed: Receipt) -> None:
    with pytest.raises(ReceiptDoesNotAddUp, match="17 lines rejected"):
        replace(mixed, by_reason=(ReasonCount(Verdict.REJECTED, Reason.EID, 17, 3, "x"),))


@pytest.mark.parametrize(
    ("state", "bucket"),
    [(ManifestState.NEEDS_APPROVAL, Bucket.NEEDS_REVIEW), (ManifestState.RECEIVED, Bucket.IN_PROGRESS)],
)
def test_before_it_is_loaded_accepted_sims_wait(plain: MakeReceipt, state: ManifestState, bucket: Bucket) -> None:
    assert plain(LineCounts(lines=7, accepted=7), state=state).buckets[bucket] == 7


@pytest.mark.parametrize("state", [ManifestState.LOADED, ManifestState.FINISHED, ManifestState.REFUSED])
def test_afterwards_no_accepted_sim_may_wait_without_an_operation(plain: MakeReceipt, state: ManifestState) -> None:
    with pytest.raises(ReceiptDoesNotAddUp):
        plain(LineCounts(lines=7, accepted=7), state=state)


def test_a_waiting_manifest_cannot_hold_more_operations_than_sims(plain: MakeReceipt) -> None:
    with pytest.raises(ReceiptDoesNotAddUp):
        plain(LineCounts(lines=1, accepted=1), {Step.PLANNED: 2}, state=ManifestState.RECEIVED)


def test_a_time_without_a_zone_is_refused(mixed: Receipt) -> None:
    with pytest.raises(ValueError, match="as_of has no time zone"):
        replace(mixed, as_of=datetime(2025, 6, 2))  # noqa: DTZ001
