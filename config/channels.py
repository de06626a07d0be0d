"""The channels that the settings name, ready to send; their secrets are read from the environment here."""

from collections.abc import Mapping

from channels.contract import Channel, ChannelRefused
from channels.mail import Mail
from channels.webhook import Webhook
from config.alert_sections import MailSection, WebhookSection
from config.errors import ConfigurationError
from config.settings import Settings


def open_channels(settings: Settings, environment: Mapping[str, str]) -> list[Channel]:
    """Every webhook and every mail server; nothing is connected yet. Raises `ConfigurationError`."""
    return [open_channel(section, environment) for section in settings.alerts.channels()]


def open_channel(section: WebhookSection | MailSection, environment: Mapping[str, str]) -> Channel:
    """One of them. Raises `ConfigurationError` with what to mend."""
    try:
        return _webhook(section, environment) if isinstance(section, WebhookSection) else _mail(section, environment)
    except ChannelRefused as error:
        raise ConfigurationError(f"{error} Correct it under [alerts] in simline.toml.") from None


def _webhook(section: WebhookSection, environment: Mapping[str, str]) -> Webhook:
    return Webhook(
        name=section.name,
        url=section.url,
        secret=_secret(section.name, section.secret, environment),
        allow_private=section.allow_private,
        timeout_seconds=section.timeout_seconds,
    )


def _mail(section: MailSection, environment: Mapping[str, str]) -> Mail:
    return Mail(
        name=section.name,
        host=section.host,
        port=section.port,
        sender=section.sender,
        recipients=tuple(section.recipients),
        encryption=section.encryption,
        username=section.username,
        password=_secret(section.name, section.password, environment) if section.password else None,
        timeout_seconds=section.timeout_seconds,
    )


def _secret(channel: str, variable: str, environment: Mapping[str, str]) -> str:
    if not environment.get(variable):
        raise ConfigurationError(f"The alert channel {channel} needs {variable} in the environment. Set it, run again.")
    return environment[variable]
