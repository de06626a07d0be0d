"""What every adapter reads out of its account: the address, the secrets, and options that are one of a few words."""

from carriers.contract import CarrierAccount
from carriers.errors import CarrierError


def base_of(base_url: str) -> str:
    """The address before the API's version, which some write into the configuration.

    >>> base_of("https://supersim.api.korewireless.com/v1/")
    'https://supersim.api.korewireless.com'
    """
    return base_url.rstrip("/").removesuffix("/v1")


def secrets_of(account: CarrierAccount, *names: str) -> tuple[str, ...]:
    """These secrets, in this order. Raises `CarrierError` with the names of those that are missing or empty."""
    missing = [name for name in names if not account.secrets.get(name)]
    if missing:
        raise CarrierError(f"Carrier account {account.name} lacks its secret {' and '.join(missing)}.")
    return tuple(account.secrets[name] for name in names)


def choice_of(account: CarrierAccount, option: str, *words: str) -> str:
    """The option's word, the first of `words` where it is not set. Raises `CarrierError` for any other word."""
    word = account.options.get(option, words[0])
    if word not in words:
        raise CarrierError(
            f"Carrier account {account.name}: option `{option}` is {word!r}; it must be {' or '.join(words)}."
        )
    return word
