"""What tests of channels begin with: alerts, and receivers on loopback."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from domain.alerts import Alert, AlertKind, Raised, Severity, Subject

RAISED_AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def raised() -> Callable[..., Raised]:
    """An alert about the product `tracker`, written down."""

    def make(number: int = 1, sentence: str = "Look at tracker.", severity: Severity = Severity.WARNING) -> Raised:
        subject = Subject(product_id="tracker")
        alert = Alert(
            AlertKind.PRODUCT_USAGE, severity, subject, sentence, "2026-11", 90, {"percent": 90, "gone": None}
        )
        return Raised(f"a-{number:016x}", RAISED_AT, alert)

    return make
