"""The sentences of a receipt that do not belong to a single line: what a step means, and what to do about it."""

from domain.lifecycle import Bucket, Step
from domain.lines import SENTENCES, Reason, Verdict

BUCKET_WORDS: dict[Bucket, str] = {
    Bucket.DONE: "active",
    Bucket.IN_PROGRESS: "in progress",
    Bucket.FAILED: "failed",
    Bucket.NEEDS_REVIEW: "needs review",
}

VERDICT_WORDS: dict[Verdict, str] = {
    Verdict.IGNORED: "ignored",
    Verdict.ACCEPTED: "accepted",
    Verdict.REJECTED: "rejected",
    Verdict.DUPLICATE: "duplicate in the file",
    Verdict.KNOWN: "already known",
}

STEP_SENTENCES: dict[Step, str] = {
    Step.HELD: "The product's tier has no room for this SIM. Move the product up, then re-run the manifest.",
    Step.PLANNED: "It waits for its turn within the carrier's limit.",
    Step.INTENT: "Its request is about to leave.",
    Step.SENT: "The carrier queued the request.",
    Step.ACCEPTED: "The carrier works on it; this takes a minute as a rule, and up to 24 hours.",
    Step.UNKNOWN: "The carrier's answer never came. It is read, not sent again, until we know.",
    Step.DONE: "The SIM is active.",
    Step.REJECTED: "The carrier refused the SIM. Settle the reason with the carrier, then re-run it.",
    Step.TIMED_OUT: "The carrier accepted it, but it was not active 24 hours later. Ask the carrier with the ICCID.",
    Step.NEEDS_REVIEW: "Only a person can settle this SIM. Look it up at the carrier, then re-run or decide it.",
    Step.WITHDRAWN: "A person took it back before it was sent. Only a re-run sends it.",
}


def line_sentence(reason: Reason, detail: str = "") -> str:
    """Why the line was not simply accepted, and what to do; `detail` completes it."""
    return f"{SENTENCES[reason]} {detail}".rstrip()


def step_sentence(step: Step, detail: str = "") -> str:
    """Where the SIM stands, and what to do; `detail` is the carrier's own sentence."""
    return f"{STEP_SENTENCES[step]} {detail}".rstrip()
