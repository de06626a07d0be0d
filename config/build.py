"""The composition root: settings in, everything that the engine works with out. Nothing happens at import."""

import os
import socket
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from carriers.callbacks import secret_of
from carriers.contract import CarrierAccount
from carriers.errors import CarrierError
from carriers.registry import open_carrier
from config.channels import open_channels
from config.errors import ConfigurationError
from config.sections import CarrierAccountSection, FolderSection, S3Section, TimingSection, is_loopback
from config.settings import SHIPPED, Settings
from engine.context import CarrierAtWork, Context, Progress, nobody_watches, nothing_happens
from engine.shelf_index import draw_index
from storage.database import Database
from storage.shelf.folder import FolderPlace
from storage.shelf.shelf import Shelf
from storage.sources.contract import Route, Source
from storage.sources.folder import FolderSource
from storage.sources.given import GivenFiles
from storage.vault import Vault


def build_context(
    settings: Settings,
    *,
    worker: str | None = None,
    watch: Callable[[Progress], None] = nobody_watches,
    at: Callable[[str], None] = nothing_happens,
    environment: Mapping[str, str] | None = None,
) -> Context:
    """Open everything that the settings name; nothing is sent and no table is touched.

    Carriers' secrets are read from the environment here and nowhere else. Raises `ConfigurationError` when one is
    missing, and closes what was already open. Give it back with `close_context`.
    """
    environment = os.environ if environment is None else environment
    refuse_example_plans(settings)
    with ExitStack() as opened:
        carriers = {}
        for name, account in settings.carrier_accounts.items():
            carriers[name] = carrier_at_work(name, account, settings.timing, environment)
            opened.callback(carriers[name].carrier.close)
        database = open_database(settings)
        opened.callback(database.close)
        scratch = settings.path(settings.scratch)
        scratch.mkdir(parents=True, exist_ok=True)
        context = Context(
            database=database,
            carriers=carriers,
            issuers=[issuer.profile() for issuer in settings.issuers],
            sources=open_sources(settings),
            vault=Vault(settings.key.get_secret_value() if settings.key else None),
            scratch=scratch,
            worker=worker or worker_name(),
            timing=settings.timing.timing(),
            brake=settings.brake.brake(),
            usage_rules=settings.usage.rules(),
            reconciliation=settings.reconciliation.rules(),
            invoices=settings.invoice_columns(),
            expected_bytes=settings.expected_monthly_bytes_per_sim,
            file_limits=settings.file_limits.file_limits(),
            thresholds=settings.alerts.thresholds(),
            channels=open_channels(settings, environment),
            shelf=open_shelf(settings),
            keep_days=settings.reports.keep_days,
            watch=watch,
            at=at,
        )
        opened.pop_all()
        return context


def close_context(context: Context) -> None:
    """Give back the connections to the carriers and the database, the database last."""
    with ExitStack() as closing:
        closing.callback(context.database.close)
        for at_work in context.carriers.values():
            closing.callback(at_work.carrier.close)


def open_database(settings: Settings) -> Database:
    """The database alone, for commands that only read: they need no carrier's secret."""
    return Database(settings.database_url())


def worker_name() -> str:
    """Host, process and a random part: no two workers ever share it, so a lease has one owner."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"


def account_secrets(name: str, account: CarrierAccountSection, environment: Mapping[str, str]) -> dict[str, str]:
    """The account's secrets out of the variables that it names. Raises `ConfigurationError` naming all missing ones."""
    missing = [variable for variable in account.secrets.values() if not environment.get(variable)]
    if missing:
        listed = " and ".join(missing)
        raise ConfigurationError(
            f"The carrier account {name} needs {listed} in the environment. "
            "Set it to the secret that the carrier gave you, then run again."
        )
    return {secret: environment[variable] for secret, variable in account.secrets.items()}


def refuse_example_plans(settings: Settings) -> None:
    """Raise `ConfigurationError` when an example plan would go to a carrier that is not on this machine."""
    for plan in settings.plans:
        if plan.carrier_reference.startswith("HF0000000000") and not is_loopback(
            settings.carrier_accounts[plan.carrier_account].base_url
        ):
            file = settings.path(settings.plans_file) if settings.plans_file else SHIPPED / "plans.toml"
            raise ConfigurationError(
                f"{file}: `plans[{plan.name}].carrier_reference` is the example's Fleet. Put your own plans and Fleets "
                "into a plans.toml of your own (`simline init` writes one) and name it as plans_file in simline.toml."
            )


def carrier_at_work(
    name: str, account: CarrierAccountSection, timing: TimingSection, environment: Mapping[str, str]
) -> CarrierAtWork:
    """One carrier account, ready to talk; nothing is sent yet. Raises `ConfigurationError`."""
    secrets = account_secrets(name, account, environment)
    opened = CarrierAccount(
        name, account.carrier, account.base_url, account.options, secrets, timeout_seconds=account.timeout_seconds
    )
    try:
        callback_secret = secret_of(opened)
        carrier = open_carrier(opened)
    except CarrierError as error:
        raise ConfigurationError(f"{error} Correct [carrier_accounts.{name}].") from None
    can = carrier.capabilities
    return CarrierAtWork(
        carrier=carrier,
        pace=account.pace(),
        threads=account.threads,
        timeout_seconds=account.timeout_seconds,
        quiet_seconds=account.quiet_seconds or account.timeout_seconds + can.quiet_seconds,
        queue_seconds=can.queue_seconds,
        poll_first_seconds=None if timing.poll_first_seconds else can.poll_first_seconds,
        callback_secret=callback_secret,
    )


def open_sources(settings: Settings) -> dict[str, Source]:
    """The configured sources, and the one for files that people name themselves. Nothing is connected yet."""
    sources: dict[str, Source] = {
        GivenFiles.name: GivenFiles(settings.path("results"), settings.file_limits.file_bytes)
    }
    for section in settings.sources:
        sources[section.name] = _folder(settings, section) if isinstance(section, FolderSection) else _s3(section)
    return sources


def open_shelf(settings: Settings) -> Shelf:
    """Where reports are kept. Nothing is connected or made yet. Raises `ConfigurationError`."""
    section = settings.reports
    if section.bucket_and_prefix is None:
        return Shelf(FolderPlace(settings.path(section.folder)), draw_index)
    from storage.shelf.s3 import S3Place
    from storage.sources.s3_client import make_client

    try:
        return Shelf(S3Place(*section.bucket_and_prefix, make_client(section.endpoint_url, section.region)), draw_index)
    except ValueError as error:
        raise ConfigurationError(f"[reports]: {error}") from None


def make_folders(settings: Settings) -> list[Path]:
    """Make what is missing of the folder sources' folders, because a person asked for it; what was made.

    Raises `SourceUnavailable`.
    """
    folders = [_folder(settings, section) for section in settings.sources if isinstance(section, FolderSection)]
    return [made for folder in folders for made in folder.prepare()]


def _folder(settings: Settings, section: FolderSection) -> FolderSource:
    return FolderSource(section.name, settings.path(section.path), _routes(section), section.still_seconds)


def _s3(section: S3Section) -> Source:
    from storage.sources.s3 import S3Source  # boto3 takes 0.3 s to import: only where S3 is configured
    from storage.sources.s3_client import make_client

    try:
        return S3Source(
            section.name,
            section.bucket,
            prefix=section.prefix,
            results_prefix=section.results_prefix,
            routes=_routes(section),
            client=make_client(section.endpoint_url, section.region),
        )
    except ValueError as error:
        raise ConfigurationError(f"[[sources]] {section.name}: {error}") from None


def _routes(section: FolderSection | S3Section) -> tuple[Route, ...]:
    return tuple(route.route() for route in section.routes)
