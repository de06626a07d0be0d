"""The settings of alerts: from where on somebody is told, and by which channels."""

from typing import Annotated

from pydantic import Field, PositiveFloat

from channels.mail import Encryption
from config.sections import EnvironmentName, Section, ShortName
from domain.alert_rules import Percents, Thresholds

_USUAL = Thresholds()
Percentages = Annotated[tuple[Annotated[int, Field(ge=1, le=1000)], ...], Field(max_length=10)]


class ProductAlertsSection(Section):
    """The percentages of one product, where they are not the overall ones."""

    product_percents: Percentages = _USUAL.percents.product
    sim_percents: Percentages = _USUAL.percents.sim

    def percents(self) -> Percents:
        """The same, as the rules know it."""
        return Percents(self.product_percents, self.sim_percents)


class WebhookSection(Section):
    """A receiver of signed JSON. `secret` names the environment variable that holds the secret."""

    name: ShortName
    url: Annotated[str, Field(min_length=8)]
    secret: EnvironmentName
    allow_private: bool = False
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0


class MailSection(Section):
    """An SMTP server and whom it writes to. `password` names the environment variable that holds it."""

    name: ShortName
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    encryption: Encryption = Encryption.STARTTLS
    sender: str
    recipients: Annotated[list[str], Field(min_length=1, max_length=50)]
    username: str | None = None
    password: EnvironmentName | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0


class AlertsSection(Section):
    """From where on somebody is told, and how."""

    product_percents: Percentages = _USUAL.percents.product
    sim_percents: Percentages = _USUAL.percents.sim
    products: dict[str, ProductAlertsSection] = Field(default={})
    stuck_after_minutes: PositiveFloat = _USUAL.stuck_after_minutes
    reconciliation_findings_above: Annotated[int, Field(ge=0)] = _USUAL.reconciliation_findings_above
    carrier_down_after_minutes: PositiveFloat = _USUAL.carrier_down_after_minutes
    webhooks: tuple[WebhookSection, ...] = ()
    mail: tuple[MailSection, ...] = ()

    def channels(self) -> list[WebhookSection | MailSection]:
        """Every channel, webhooks first."""
        return [*self.webhooks, *self.mail]

    def thresholds(self) -> Thresholds:
        """The same, as the rules know it."""
        return Thresholds(
            percents=Percents(self.product_percents, self.sim_percents),
            of_product={product: section.percents() for product, section in self.products.items()},
            stuck_after_minutes=self.stuck_after_minutes,
            reconciliation_findings_above=self.reconciliation_findings_above,
            carrier_down_after_minutes=self.carrier_down_after_minutes,
        )

    def secret_names(self) -> list[str]:
        """The environment variables that channels read their secrets from."""
        return [*(one.secret for one in self.webhooks), *(one.password for one in self.mail if one.password)]
