"""Prefect's events as a channel: each alert is one, so that automations on the server can answer to it."""

from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

from prefect.events import emit_event

from channels.contract import NotDelivered
from domain.alerts import Raised, Subject


class PrefectEvents:
    """Emits `simline.alert.KIND`, the same alert with the same event id. Whether the server keeps it is not known."""

    name = "prefect events"  # no channel of the settings can be called so
    at_once = 100

    def send(self, alerts: Sequence[Raised]) -> str:
        """Emit one event for each. Raises `NotDelivered` where Prefect takes none."""
        for raised in alerts:
            _emit(raised)
        return f"{len(alerts)} emitted"

    def check(self) -> str:
        """Nothing is asked: events leave in the background."""
        return "Events are emitted with each run."


def _emit(raised: Raised) -> None:
    alert = raised.alert
    resource, *related = resources(alert.subject)
    emitted = emit_event(
        event=f"simline.alert.{alert.kind}",
        id=uuid5(NAMESPACE_URL, f"simline:{raised.id}"),
        occurred=raised.raised_at,
        resource=resource,
        related=related,
        payload={
            "id": raised.id,
            "severity": alert.severity.value,
            "sentence": alert.sentence,
            "product": alert.subject.product_id,
            "iccid": alert.subject.iccid,
            "carrier_account": alert.subject.carrier_account,
            "period": alert.period or None,
            "facts": dict(alert.facts),
        },
    )
    if emitted is None:
        raise NotDelivered("Prefect takes no events here. Check the server at PREFECT_API_URL.")


def resources(subject: Subject) -> list[dict[str, str]]:
    """What an event is about, the narrowest first; the others are related, in the role of their kind.

    >>> [each["prefect.resource.id"] for each in resources(Subject(product_id="tracker", iccid="8934"))]
    ['simline.sim.8934', 'simline.product.tracker']
    """
    named = {"sim": subject.iccid, "product": subject.product_id, "carrier-account": subject.carrier_account}
    found = [
        {"prefect.resource.id": f"simline.{kind}.{name}", "prefect.resource.role": kind}
        for kind, name in named.items()
        if name is not None
    ]
    return found or [{"prefect.resource.id": "simline", "prefect.resource.role": "simline"}]
