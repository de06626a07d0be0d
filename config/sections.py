"""The sections of `Settings`, one small model each. Every unknown key is an error; every number has its bounds."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from domain.brake import Brake
from domain.countries import UnknownCountry, country_code
from domain.file_limits import FileLimits
from domain.iccid import CheckDigit, IssuerProfile
from domain.invoices import InvoiceColumns
from domain.pacing import Pace, Window, pace_of
from domain.plans import Plan
from domain.products import Tier
from domain.reconciling import ReconciliationRules
from domain.usage import FEWEST_AGAIN, UsageRules
from engine.context import Timing
from storage.sources.contract import Route


class Section(BaseModel):
    """What all sections share: a typo is an error, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _country(code: str) -> str:
    try:
        return country_code(code)
    except UnknownCountry as error:
        raise ValueError(f"must be an ISO 3166-1 alpha-2 country: {error}") from None


def _short_name(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise ValueError(f"must be small letters, digits, - and _ only, and {name!r} is not.")
    return name


def _environment_name(name: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        raise ValueError("must be the name of an environment variable (capitals, digits, _), never the secret itself.")
    return name


def is_loopback(url: str) -> bool:
    """Whether the address is this machine.

    >>> is_loopback("http://127.0.0.1:8080"), is_loopback("https://example.com")
    (True, False)
    """
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ValueError("must not hold a user or password. Name the secret's environment variable under `secrets`.")
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise ValueError("must be an address that starts with https://.")
    if parts.scheme == "http" and not is_loopback(url):
        raise ValueError("must start with https://: plain http would show our secrets to the network.")
    return url.rstrip("/")


Country = Annotated[str, AfterValidator(_country)]
ShortName = Annotated[str, AfterValidator(_short_name)]
EnvironmentName = Annotated[str, AfterValidator(_environment_name)]
Address = Annotated[str, AfterValidator(_address)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


def _database_address(url: SecretStr) -> SecretStr:
    try:
        backend = make_url(url.get_secret_value()).get_backend_name()
    except ArgumentError:
        backend = None
    if backend not in ("sqlite", "postgresql"):
        raise ValueError("must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.")
    return url


class DatabaseSection(Section):
    """Where the ledger is. The address may hold a password, so it is a secret."""

    url: Annotated[SecretStr, AfterValidator(_database_address)] = SecretStr("sqlite:///simline.db")


class RouteSection(Section):
    """What the manifests under a prefix belong to."""

    prefix: str = ""
    product: str | None = None
    home_country: Country | None = None
    carrier_account: str | None = None

    def route(self) -> Route:
        """The same, as sources know it."""
        return Route(**self.model_dump())


class FolderSection(Section):
    """A watched folder. A file is complete when its size and time stood still for `still_seconds`."""

    kind: Literal["folder"]
    name: ShortName
    path: str
    still_seconds: Annotated[float, Field(ge=0)] = 5.0
    routes: list[RouteSection] = []


class S3Section(Section):
    """Objects under a prefix of a bucket. Credentials come from the usual AWS places, never from here."""

    kind: Literal["s3"]
    name: ShortName
    bucket: Annotated[str, Field(min_length=3)]
    prefix: str = ""
    results_prefix: str = "simline-results/"
    endpoint_url: Address | None = None
    region: str | None = None
    routes: list[RouteSection] = []


SourceSection = Annotated[FolderSection | S3Section, Field(discriminator="kind")]


class LimitWindow(Section):
    """At most `count` requests in any window of `per_seconds`."""

    count: PositiveInt
    per_seconds: PositiveFloat = 1.0


class CarrierAccountSection(Section):
    """One account of one carrier: its address, its limit, and the names of the variables that hold its secrets."""

    carrier: ShortName
    base_url: Address
    options: dict[str, str] = {}
    secrets: dict[str, EnvironmentName] = {}
    limits: Annotated[list[LimitWindow], Field(min_length=1)]
    burst: Annotated[int, Field(ge=0)] = 0
    headroom: Annotated[float, Field(gt=0, le=1)] = 0.97
    threads: Annotated[int, Field(ge=1, le=64)] = 8
    timeout_seconds: PositiveFloat = 30.0
    quiet_seconds: PositiveFloat | None = None  # None: the timeout and the carrier's own lag

    def pace(self) -> Pace:
        """The widest spacing that the limits ask for."""
        return pace_of([Window(limit.count, limit.per_seconds) for limit in self.limits], self.burst, self.headroom)


_TIMING, _BRAKE, _LIMITS, _USAGE = Timing(), Brake(), FileLimits(), UsageRules()
_RECONCILIATION = ReconciliationRules()


class TimingSection(Section):
    """How patient the engine is."""

    lease_seconds: PositiveFloat = _TIMING.lease_seconds
    lease_margin_seconds: PositiveFloat = _TIMING.lease_margin_seconds
    file_lease_seconds: PositiveFloat = _TIMING.file_lease_seconds
    deadline_seconds: PositiveFloat = _TIMING.deadline_seconds
    poll_first_seconds: PositiveFloat | None = None  # None: as each carrier says
    poll_longest_seconds: PositiveFloat = _TIMING.poll_longest_seconds
    attempts: PositiveInt = _TIMING.attempts
    circuit_failures: PositiveInt = _TIMING.circuit_failures
    circuit_seconds: PositiveFloat = _TIMING.circuit_seconds

    def timing(self) -> Timing:
        """The same, as the engine knows it."""
        return Timing(**self.model_dump(exclude_none=True))


class UsageSection(Section):
    """How often usage is asked for again: it arrives late."""

    again_days: Annotated[int, Field(le=400)] = _USAGE.again_days
    again_after_hours: Annotated[float, Field(ge=0, lt=24)] = _USAGE.again_after_hours

    @field_validator("again_days")
    @classmethod
    def _late_usage_is_asked_for(cls, days: int) -> int:
        if days < FEWEST_AGAIN:
            raise ValueError(
                f"must be at least {FEWEST_AGAIN}: usage is told late, and earlier days would never change."
            )
        return days

    def rules(self) -> UsageRules:
        """The same, as the rules know it."""
        return UsageRules(**self.model_dump())


class InvoiceSection(Section):
    """What one carrier account's invoices or exports look like: headings of columns, and how sums are written."""

    iccid: Annotated[str, Field(min_length=1)]
    amount: str | None = None
    currency_column: str | None = None
    product: str | None = None
    currency: Currency | None = None
    decimal: Literal[".", ","] = "."
    check_digit_omitted: bool = False
    folder: str | None = None

    @model_validator(mode="after")
    def _has_a_currency(self) -> "InvoiceSection":
        if self.amount and not (self.currency or self.currency_column):
            raise ValueError("needs `currency` or `currency_column` where it names an `amount`.")
        return self

    def columns(self, folder: str | None) -> InvoiceColumns:
        """The same, as the readers know it."""
        return InvoiceColumns(**self.model_dump(exclude={"folder"}), folder=folder)


class ReconciliationSection(Section):
    """When nightly reconciliation speaks of a zombie, how it goes on, and how long its runs are kept."""

    zombie_days: Annotated[int, Field(ge=1, le=400)] = _RECONCILIATION.zombie_days
    settled_days: Annotated[int, Field(ge=1, le=30)] = _RECONCILIATION.settled_days
    again_minutes: Annotated[int, Field(ge=0, le=1_440)] = _RECONCILIATION.again_minutes
    resume_hours: Annotated[int, Field(ge=0, le=168)] = _RECONCILIATION.resume_hours
    keep_days: Annotated[int, Field(ge=1, le=36_500)] = _RECONCILIATION.keep_days
    invoices: dict[ShortName, InvoiceSection] = {}

    def rules(self) -> ReconciliationRules:
        """The same, as the rules know it."""
        return ReconciliationRules(**self.model_dump(exclude={"invoices"}))


class BrakeSection(Section):
    """Past these a run needs a person's word."""

    sims: PositiveInt = _BRAKE.sims
    growth: Annotated[float, Field(gt=1)] = _BRAKE.growth
    growth_from_sims: PositiveInt = _BRAKE.growth_from_sims

    def brake(self) -> Brake:
        """The same, as the rules know it."""
        return Brake(**self.model_dump())


class FileLimitsSection(Section):
    """What a manifest may be at most."""

    file_bytes: PositiveInt = _LIMITS.file_bytes
    line_bytes: Annotated[int, Field(ge=64)] = _LIMITS.line_bytes
    unpacked_ratio: PositiveInt = _LIMITS.unpacked_ratio
    other_lines: PositiveInt = _LIMITS.other_lines

    def file_limits(self) -> FileLimits:
        """The same, as the readers know it."""
        return FileLimits(**self.model_dump())


def _report_folder(folder: str) -> str:
    if "://" in folder and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{2,62}/+[^/].*", folder):
        raise ValueError("must be a folder, or s3://BUCKET/PREFIX with a prefix of its own.")
    return folder


class ReportsSection(Section):
    """Where reports are kept, and how long. Credentials of S3 come from the usual AWS places."""

    folder: Annotated[str, Field(min_length=1), AfterValidator(_report_folder)] = "reports"
    keep_days: Annotated[int, Field(ge=1, le=36_500)] = 400
    endpoint_url: Address | None = None
    region: str | None = None

    @property
    def bucket_and_prefix(self) -> tuple[str, str] | None:
        """The two parts of an S3 address; None for a folder."""
        if not self.folder.startswith("s3://"):
            return None
        bucket, _, prefix = self.folder.removeprefix("s3://").partition("/")
        return bucket, prefix.strip("/")


class AccountSection(Section):
    """Who owns products. Devices outside our products count towards the sandbox too."""

    id: ShortName
    name: str
    other_device_count: Annotated[int, Field(ge=0)] = 0


class ProductSection(Section):
    """A product that SIMs belong to; `id` is what manifests and routes write."""

    id: ShortName
    name: str
    account: ShortName
    tier: Tier = Tier.FREE
    protect_from_release: bool = False


class IssuerSection(Section):
    """An issuer by the first digits of its ICCIDs; the longest prefix wins."""

    prefix: Annotated[str, Field(pattern=r"^89[0-9]{1,9}$")]
    name: str
    lengths: Annotated[list[Literal[18, 19, 20]], Field(min_length=1)] = [19, 20]
    check_digit: CheckDigit = CheckDigit.PRINTED
    carrier_account: ShortName | None = None

    def profile(self) -> IssuerProfile:
        """The same, as the rules know it."""
        return IssuerProfile(
            self.prefix, self.name, frozenset(self.lengths), self.check_digit, carrier_account=self.carrier_account
        )


class PlanSection(Section):
    """A rate plan of one carrier account: for some countries, for one zone, or worldwide."""

    carrier_account: ShortName
    name: ShortName
    countries: list[Country] = []
    zone: str | None = None
    worldwide: bool = False
    monthly_price_cents: Annotated[int, Field(ge=0)]
    currency: Currency
    included_bytes: Annotated[int, Field(ge=0)]
    overage_cents_per_mb: Annotated[float, Field(ge=0)]
    carrier_reference: Annotated[str, Field(min_length=1)]

    def plan(self, zones: Mapping[str, Sequence[str]]) -> Plan:
        """The same, as the rules know it; a zone becomes its countries."""
        return Plan(
            id=f"{self.carrier_account}/{self.name}",
            carrier_account=self.carrier_account,
            name=self.name,
            countries=frozenset(zones[self.zone] if self.zone else self.countries),
            zone=self.zone,
            monthly_price_cents=self.monthly_price_cents,
            included_bytes=self.included_bytes,
            overage_cents_per_mb=self.overage_cents_per_mb,
            currency=self.currency,
            carrier_reference=self.carrier_reference,
        )
