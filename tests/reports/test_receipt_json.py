import json
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from domain.lifecycle import Step
from domain.manifests import HaltNote, HaltWord
from reports.receipt import Receipt, ReceiptDoesNotAddUp
from reports.receipt_json import SCHEMA_VERSION, ReceiptUnreadable, read_receipt_json, receipt_json
from reports.receipt_page import receipt_html


def in_another_order(receipt: Receipt) -> Receipt:
    """The same facts as another database might deliver them."""
    east = timezone(timedelta(hours=9))
    return replace(
        receipt,
        steps={**dict(reversed(list(receipt.steps.items()))), Step.WITHDRAWN: 0},
        by_plan=tuple(reversed(receipt.by_plan)),
        by_reason=tuple(reversed(receipt.by_reason)),
        files=dict(reversed(list(receipt.files.items()))),
        as_of=receipt.as_of.astimezone(east),
    )


def test_the_same_facts_give_the_same_bytes(mixed: Receipt) -> None:
    assert receipt_json(mixed) == receipt_json(in_another_order(mixed))
    assert receipt_html(mixed) == receipt_html(in_another_order(mixed))


def test_a_later_look_gives_other_bytes(mixed: Receipt) -> None:
    later = replace(mixed, as_of=mixed.as_of + timedelta(minutes=1))
    assert receipt_json(later) != receipt_json(mixed)
    assert receipt_html(later) != receipt_html(mixed)


def test_a_receipt_survives_json_unchanged(mixed: Receipt) -> None:
    assert read_receipt_json(receipt_json(mixed)) == mixed


def test_what_people_said_over_it_survives_json_and_stands_on_the_page(mixed: Receipt) -> None:
    said = (
        HaltNote(mixed.received_at, HaltWord.PAUSE, "ann", "wrong <pallet>"),
        HaltNote(mixed.as_of, HaltWord.RESUME, "bob", "sorted it out"),
    )
    halted = replace(mixed, halts=said)
    assert read_receipt_json(receipt_json(halted)) == halted
    page = receipt_html(halted)
    assert "pause, said by <bdi>ann</bdi>: <bdi>wrong &lt;pallet&gt;</bdi>" in page
    assert page.index("wrong &lt;pallet&gt;") < page.index("sorted it out")


def test_a_receipt_from_before_such_words_were_kept_is_read(mixed: Receipt) -> None:
    content = json.loads(receipt_json(mixed))
    del content["halts"]
    assert read_receipt_json(json.dumps(content)) == mixed


def test_hostile_names_survive_json_and_stay_ascii(mixed: Receipt) -> None:
    hostile = replace(mixed, name='</script>\x00\u202e"\udc80' + "n" * 1024)
    text = receipt_json(hostile)
    assert text.isascii()
    assert "\x00" not in text
    assert read_receipt_json(text) == hostile


def test_the_keys_are_those_of_the_documented_version(mixed: Receipt) -> None:
    content = json.loads(receipt_json(mixed))
    assert content["schema_version"] == SCHEMA_VERSION == 1
    assert " ".join(content) == (
        "schema_version manifest_id name source sha256 size_bytes same_content_as state halt reason halts product_id "
        "home_country actor received_at loaded_at finished_at as_of counts buckets steps by_plan by_reason files"
    )
    assert content["as_of"] == "2025-06-02T10:12:12Z"
    assert content["finished_at"] is None
    assert content["buckets"] == {"done": 1870, "in_progress": 92, "failed": 4, "needs_review": 14}
    assert list(content["steps"]) == [step for step in Step if step in mixed.steps]


def test_tampered_numbers_are_noticed_when_read(mixed: Receipt) -> None:
    with pytest.raises(ReceiptDoesNotAddUp):
        read_receipt_json(receipt_json(mixed).replace('"accepted": 1980', '"accepted": 1981'))


def test_another_version_is_refused_with_a_sentence(mixed: Receipt) -> None:
    with pytest.raises(ReceiptUnreadable, match="schema 2, this program reads 1"):
        read_receipt_json(receipt_json(mixed).replace('"schema_version": 1', '"schema_version": 2'))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"schema_version": 1}', '"receipt"'])
def test_other_json_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ReceiptUnreadable, match="no receipt"):
        read_receipt_json(text)


def test_a_state_that_we_do_not_know_is_refused_with_a_sentence(mixed: Receipt) -> None:
    with pytest.raises(ReceiptUnreadable, match="no receipt"):
        read_receipt_json(receipt_json(mixed).replace('"state": "loaded"', '"state": "frozen"'))
