"""Alerts: what a person should know of unasked, why, and what to do next.

Two alerts are the same occurrence when their keys are the same: kind, subject and period. An occurrence is told of
once, and again only when it has come to a higher level. One that was over and comes back is a new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

TRIES = 10
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 3600.0


class AlertKind(StrEnum):
    """What an alert is about; also the last word of its Prefect event, `simline.alert.KIND`."""

    PRODUCT_USAGE = "product-usage"  # a product has used so many percent of what its plans include
    SIM_USAGE = "sim-usage"  # a SIM has, of its own plan
    OUTLIER = "usage-outlier"  # a SIM uses far more than its product's others
    STUCK = "stuck-activations"  # a carrier takes too long for what it accepted
    REVIEW = "needs-review"  # nobody but a person can settle these SIMs
    RECONCILIATION = "reconciliation-findings"
    CARRIER_DOWN = "carrier-down"
    CARRIER_BACK = "carrier-back"
    TEST = "test"  # a person tries a channel


WHEN = {
    AlertKind.PRODUCT_USAGE: "a product has used so many percent of what its plans include, once a month for each",
    AlertKind.SIM_USAGE: "a SIM has used so many percent of what its plan includes, once a month for each",
    AlertKind.OUTLIER: "a SIM uses far more than the others of its product, once a month",
    AlertKind.STUCK: "a carrier took the change of SIMs and has not finished it after `stuck_after_minutes`, "
    "or they timed out; once a day, and at ten times as many",
    AlertKind.REVIEW: "SIMs need a person: what their carrier said cannot be settled by reading it once more; once a "
    "day, and at ten times as many",
    AlertKind.RECONCILIATION: "a reconciliation has more findings than `reconciliation_findings_above`",
    AlertKind.CARRIER_DOWN: "a carrier account has been paused for `carrier_down_after_minutes` without a good answer",
    AlertKind.CARRIER_BACK: "one of which that was said answers again",
    AlertKind.TEST: "somebody ran `simline alerts test`",
}
"""When each kind is raised, for people."""


class Severity(StrEnum):
    """How soon somebody should look."""

    INFO = "info"  # good to know
    WARNING = "warning"  # today
    CRITICAL = "critical"  # now


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about: a product, one SIM, a carrier account, or several of these together.

    >>> str(Subject(product_id="tracker", carrier_account="supersim"))
    'product=tracker carrier=supersim'
    """

    product_id: str | None = None
    iccid: str | None = None
    carrier_account: str | None = None

    def __str__(self) -> str:
        named = {"product": self.product_id, "iccid": self.iccid, "carrier": self.carrier_account}
        return " ".join(f"{name}={value}" for name, value in named.items() if value is not None)


Fact = str | int | float | None


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as a rule gives it. `sentence` is for people and ends with what to do; `facts` are for programs."""

    kind: AlertKind
    severity: Severity
    subject: Subject
    sentence: str
    period: str = ""  # a month or a day, where the same may be told of again in the next one
    level: int = 0  # a percentage or a size: within an occurrence only a higher one is told of anew
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same for two alerts that are the same occurrence."""
        return f"{self.kind}|{self.subject}|{self.period}"


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert that is written down. Its `id` goes with it through every channel, and through every repetition."""

    id: str
    raised_at: datetime
    alert: Alert


def pause_after(attempts: int) -> float | None:
    """Seconds until a delivery that failed so many times is tried again; None: it was tried often enough.

    >>> pause_after(1), pause_after(2), pause_after(9), pause_after(10)
    (30.0, 60.0, 3600.0, None)
    """
    if attempts >= TRIES:
        return None
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (max(1, attempts) - 1))


def one_line(text: str, longest: int = 500) -> str:
    """Foreign words for a sentence: one line, nothing hidden in it, not longer than this.

    >>> one_line("no\\r\\nBcc: all@example.com")
    'no Bcc: all@example.com'
    """
    shown = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
