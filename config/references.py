"""What no single section can see: names used twice, names that lead nowhere, times that do not fit. Pure rules."""

from collections.abc import Hashable, Iterable, Iterator

from config.errors import Fault, near
from config.settings import Settings
from storage.sources.given import GivenFiles


def faults_between(settings: Settings) -> list[Fault]:
    """Every double name, every dangling reference, and every account whose requests would outlast a lease."""
    return [
        *_double_names(settings),
        *_carrier_accounts(settings),
        *_products(settings),
        *_plans(settings),
        *_timeouts(settings),
        *_channels(settings),
    ]


def _double_names(settings: Settings) -> Iterator[Fault]:
    yield from _repeated("sources", "name", [source.name for source in settings.sources])
    for at, source in enumerate(settings.sources):
        if source.name == GivenFiles.name:
            yield Fault(("sources", at, "name"), "is taken by the files that people name themselves. Choose another.")
    yield from _repeated("accounts", "id", [account.id for account in settings.accounts])
    yield from _repeated("products", "id", [product.id for product in settings.products])
    yield from _repeated("issuers", "prefix", [issuer.prefix for issuer in settings.issuers])
    yield from _repeated("plans", "name", [(plan.carrier_account, plan.name) for plan in settings.plans])


def _repeated(section: str, key: str, names: Iterable[Hashable]) -> Iterator[Fault]:
    seen: set[Hashable] = set()
    for position, name in enumerate(names):
        if name in seen:
            yield Fault((section, position, key), "stands there twice. Rename or remove one of them.")
        seen.add(name)


def _carrier_accounts(settings: Settings) -> Iterator[Fault]:
    named = [(("issuers", at, "carrier_account"), issuer.carrier_account) for at, issuer in enumerate(settings.issuers)]
    named += [(("plans", at, "carrier_account"), plan.carrier_account) for at, plan in enumerate(settings.plans)]
    for location, name in [*named, *_routed(settings)]:
        if name is not None and name not in settings.carrier_accounts:
            hint = near(name, settings.carrier_accounts) or "."
            yield Fault(location, f"names {name!r}, but there is no [carrier_accounts.{name}]{hint}")


def _routed(settings: Settings) -> Iterator[tuple[tuple[str | int, ...], str | None]]:
    for at, source in enumerate(settings.sources):
        for position, route in enumerate(source.routes):
            yield ("sources", at, "routes", position, "carrier_account"), route.carrier_account


def _products(settings: Settings) -> Iterator[Fault]:
    accounts = {account.id for account in settings.accounts}
    for at, product in enumerate(settings.products):
        if product.account not in accounts:
            hint = near(product.account, accounts) or f" Add [[accounts]] with id = {product.account!r}."
            yield Fault(("products", at, "account"), f"names {product.account!r}, and there is no such account{hint}")


def _plans(settings: Settings) -> Iterator[Fault]:
    currencies: dict[str, str] = {}
    for at, plan in enumerate(settings.plans):
        if [bool(plan.countries), plan.zone is not None, plan.worldwide].count(True) != 1:
            yield Fault(("plans", at), "must say exactly one of `countries`, `zone` and `worldwide = true`.")
        if plan.zone is not None and plan.zone not in settings.zones:
            hint = near(plan.zone, settings.zones) or " Add it under [zones]."
            yield Fault(("plans", at, "zone"), f"names {plan.zone!r}, and there is no such zone{hint}")
        first = currencies.setdefault(plan.carrier_account, plan.currency)
        if plan.currency != first:
            sentence = f"is {plan.currency}, but earlier plans of {plan.carrier_account} are in {first}"
            yield Fault(("plans", at, "currency"), f"{sentence}: prices of one carrier account share a currency.")


def _channels(settings: Settings) -> Iterator[Fault]:
    """Deliveries are kept by the channel's name, so no two may share one."""
    webhooks = [webhook.name for webhook in settings.alerts.webhooks]
    for at, mail in enumerate(settings.alerts.mail):
        if mail.name in webhooks:
            yield Fault(("alerts", "mail", at, "name"), "is a webhook's name too. Rename one of them.")
        if mail.password and not mail.username:
            yield Fault(("alerts", "mail", at, "username"), "is missing where there is a `password`. Add it.")
    for section, names in (("webhooks", webhooks), ("mail", [mail.name for mail in settings.alerts.mail])):
        yield from _repeated_below(("alerts", section), names)


def _repeated_below(where: tuple[str, ...], names: Iterable[Hashable]) -> Iterator[Fault]:
    for fault in _repeated("", "name", names):
        yield Fault((*where, *fault.location[1:]), fault.sentence)


def _timeouts(settings: Settings) -> Iterator[Fault]:
    """A lease must outlast a request and the margin, or nothing could ever be sent."""
    timing = settings.timing
    for name, account in settings.carrier_accounts.items():
        shortest = account.timeout_seconds + timing.lease_margin_seconds
        if timing.lease_seconds <= shortest:
            yield Fault(
                _what_was_set(settings, name),
                f"leaves no time to send: a request to {name} may take {account.timeout_seconds:g} s, with the margin "
                f"{shortest:g} s, and a lease is only {timing.lease_seconds:g} s long. Shorten the account's "
                f"`timeout_seconds`, or set `lease_seconds` under [timing] in simline.toml to more than {shortest:g}.",
            )


def _what_was_set(settings: Settings, name: str) -> tuple[str, ...]:
    """The key that somebody wrote down: of the others the defaults hold."""
    timing = [key for key in ("lease_seconds", "lease_margin_seconds") if key in settings.timing.model_fields_set]
    if "timeout_seconds" in settings.carrier_accounts[name].model_fields_set or not timing:
        return "carrier_accounts", name, "timeout_seconds"
    return "timing", timing[0]
