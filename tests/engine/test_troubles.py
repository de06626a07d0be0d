"""Troubles as sentences: each cause once, with what it holds up."""

from engine.troubles import Trouble, in_sentences, steady
from storage.sources.contract import SourceUnavailable

AWAY = SourceUnavailable("The drive is away. Mount it.")


def test_one_cause_is_one_sentence_with_the_first_few_by_name() -> None:
    troubles = [Trouble("nas", f"m-{number}", AWAY) for number in range(5)]
    assert in_sentences(troubles[:1], "Receipts that wait") == ["Receipts that wait: m-0. The drive is away. Mount it."]
    assert in_sentences(troubles, "Receipts that wait") == [
        "Receipts that wait: m-0, m-1, m-2 and 2 more. The drive is away. Mount it."
    ]


def test_another_cause_is_another_sentence_and_a_source_speaks_for_itself() -> None:
    troubles = [Trouble("nas", "", AWAY), Trouble("inbox", "a.csv", ValueError("It is odd."))]
    assert in_sentences(troubles, "Manifests that wait") == [
        "The drive is away. Mount it.",
        "Manifests that wait: a.csv. It is odd.",
    ]


def test_the_random_names_of_our_own_files_make_no_other_cause() -> None:
    several = [
        Trouble("nas", f"m-{letter}", OSError(f"Full: /nas/.records/{32 * letter}.part")) for letter in ("a", "b")
    ]
    assert len(in_sentences(several, "Receipts that wait")) == 1
    first, second = (f"/scratch/receipt-m-0123456789ab-{end}/page" for end in ("x_4kd0qz", "abcdefgh"))
    assert steady(first) == steady(second)
    assert steady("a1.csv") != steady("a2.csv")
