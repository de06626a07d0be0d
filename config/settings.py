"""One typed `Settings`: everything that an operator decides, handed down from the door."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url

from config import sections
from config.alert_sections import AlertsSection
from domain.invoices import InvoiceColumns
from domain.plans import Plan

PREFIX = "SIMLINE_"
SHIPPED = Path(__file__).parent


class Settings(BaseSettings):
    """Everything that an operator decides. `config.loading` builds it; it reads nothing by itself."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    folder: Path = Path()  # where relative paths start: the folder of simline.toml
    scratch: Path = Path(".simline")
    carriers_file: Path | None = None  # None: the shipped carriers.toml
    plans_file: Path | None = None  # None: the shipped plans.toml
    key: SecretStr | None = None  # seals registration codes; only ever in the environment
    expected_monthly_bytes_per_sim: PositiveInt = 5_000_000
    database: sections.DatabaseSection = sections.DatabaseSection()
    timing: sections.TimingSection = sections.TimingSection()
    brake: sections.BrakeSection = sections.BrakeSection()
    usage: sections.UsageSection = sections.UsageSection()
    reconciliation: sections.ReconciliationSection = sections.ReconciliationSection()
    file_limits: sections.FileLimitsSection = sections.FileLimitsSection()
    alerts: AlertsSection = AlertsSection()
    reports: sections.ReportsSection = sections.ReportsSection()
    sources: list[sections.SourceSection] = []
    accounts: list[sections.AccountSection] = []
    products: list[sections.ProductSection] = []
    issuers: list[sections.IssuerSection] = []
    carrier_accounts: dict[sections.ShortName, sections.CarrierAccountSection] = {}
    zones: dict[str, Annotated[list[sections.Country], Field(min_length=1)]] = {}
    plans: list[sections.PlanSection] = []

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what was handed in: `load_settings` reads files and environment, so that a fault can name its origin."""
        return (init_settings,)

    def catalogue(self) -> tuple[Plan, ...]:
        """The plans, as the rules know them."""
        return tuple(plan.plan(self.zones) for plan in self.plans)

    def invoice_columns(self) -> dict[str, InvoiceColumns]:
        """What the invoices of each carrier account look like, with the folders where they lie."""
        return {
            account: one.columns(str(self.path(one.folder)) if one.folder else None)
            for account, one in self.reconciliation.invoices.items()
        }

    def path(self, relative: Path | str) -> Path:
        """A configured path as an absolute one."""
        return (self.folder / Path(relative).expanduser()).resolve()

    def database_url(self) -> str:
        """The database's address, opened; a relative SQLite path starts at `folder` like every other path."""
        url = make_url(self.database.url.get_secret_value())
        if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
            url = url.set(database=str(self.path(str(url.database))))
        return url.render_as_string(hide_password=False)
