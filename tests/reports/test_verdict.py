"""What a receipt says first when a person stopped its manifest."""

from dataclasses import replace

from domain.lifecycle import Step
from domain.lines import LineCounts
from domain.manifests import Halt, ManifestState
from reports.receipt import Receipt
from reports.receipt_page import receipt_html
from reports.verdict import Tone, headline, needs_you

CALM = LineCounts(lines=10, ignored=1, accepted=9)


def stopped(receipt: Receipt, halt: Halt, **steps: int) -> Receipt:
    counts = {Step(name): count for name, count in steps.items()}
    return replace(receipt, halt=halt, counts=CALM, steps=counts, by_plan=(), by_reason=())


def test_a_pause_wants_a_person_to_let_it_go_on(mixed: Receipt) -> None:
    said = headline(stopped(mixed, Halt.PAUSED, done=2, planned=7))
    assert (said.tone, said.title) == (Tone.ATTENTION, "Paused")
    assert said.sentence.startswith("2 of 9 SIMs active; 7 in progress.")


def test_what_a_person_withdrew_needs_nobody(mixed: Receipt) -> None:
    over = stopped(mixed, Halt.CANCELLED, done=2, withdrawn=7)
    assert needs_you(over) == 0
    assert headline(over).tone is Tone.QUIET
    assert "What needs you" not in receipt_html(over)
    assert "A person took it back before it was sent." in receipt_html(over)


def test_a_cancelled_manifest_still_says_what_needs_a_person(mixed: Receipt) -> None:
    said = headline(stopped(mixed, Halt.CANCELLED, rejected=1, withdrawn=6, accepted=2))
    assert (said.tone, said.title) == (Tone.ATTENTION, "Cancelled, and 1 line needs you")
    assert said.sentence == "0 of 9 SIMs active; 6 withdrawn; 2 in progress."


def test_what_was_withdrawn_without_a_cancelling_is_not_called_active(mixed: Receipt) -> None:
    said = headline(replace(stopped(mixed, Halt.PAUSED, done=2, withdrawn=6, accepted=1), halt=None))
    assert (said.tone, said.title) == (Tone.ATTENTION, "6 SIMs were withdrawn")
    assert said.sentence == "2 of 9 SIMs active; 1 in progress."


def test_a_file_that_was_refused_is_refused_whatever_somebody_said_before(mixed: Receipt) -> None:
    nothing = replace(mixed, state=ManifestState.REFUSED, counts=LineCounts(), steps={}, by_plan=(), by_reason=())
    refused = replace(nothing, halt=Halt.PAUSED)
    assert headline(refused).title == "Refused"
