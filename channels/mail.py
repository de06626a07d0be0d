"""Mail through an SMTP server: several alerts in one message, as plain text and as a short page."""

import hashlib
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from enum import StrEnum
from html import escape

from channels.contract import ChannelRefused, NotDelivered
from channels.signature import ALERT
from domain.alerts import Raised, Severity, one_line

_WEIGHT = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class Encryption(StrEnum):
    """How the way to the SMTP server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"  # for a server on this machine only


@dataclass(frozen=True)
class Mail:
    """One SMTP server with the people that it writes to."""

    name: str
    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    encryption: Encryption = Encryption.STARTTLS
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_seconds: float = 10.0
    tls: ssl.SSLContext | None = None  # None: the machine's trusted authorities
    at_once: int = 50

    def __post_init__(self) -> None:
        if self.encryption is Encryption.NONE and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ChannelRefused(f"Mail {self.name}: `encryption` none is only for an SMTP server on this machine.")
        for address in (self.sender, *self.recipients):
            if (
                not address.isascii()
                or address.count("@") != 1
                or not address.isprintable()
                or set(address) & set(' ,;<>"')
            ):
                raise ChannelRefused(f"Mail {self.name}: {one_line(address)!r} is not a mail address.")

    def send(self, alerts: Sequence[Raised]) -> str:
        """Hand these over in one message; whom the server took it for. Raises `NotDelivered`."""
        with self._session() as server:
            refused = server.send_message(message(alerts, self.sender, self.recipients), self.sender, self.recipients)
        taken = len(self.recipients) - len(refused)
        but = f", but not for {', '.join(sorted(refused))}" if refused else ""
        return f"{self.host} took it for {taken} of {len(self.recipients)} recipients{but}"

    def check(self) -> str:
        """Say hello and log in; no mail is sent."""
        with self._session() as server:
            code, _ = server.noop()
        return f"{self.host} answers ({code}); `simline alerts test` sends a mail."

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """A session that is encrypted and logged in as configured."""
        tls = self.tls or ssl.create_default_context()
        try:
            with self._opened(tls) as server:
                if self.encryption is Encryption.STARTTLS:
                    server.starttls(context=tls)
                if self.username is not None:
                    server.login(self.username, self.password or "")
                yield server
        except smtplib.SMTPAuthenticationError as error:
            raise NotDelivered(
                f"Mail {self.name}: {self.host} does not take our user and password ({error.smtp_code})."
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            said = one_line(str(error).replace(self.password or "\0", "[secret]"), 200)
            raise NotDelivered(
                f"Mail {self.name}: {self.host} did not take it ({type(error).__name__}: {said})."
            ) from None

    def _opened(self, tls: ssl.SSLContext) -> smtplib.SMTP:
        if self.encryption is Encryption.TLS:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout_seconds, context=tls)
        return smtplib.SMTP(self.host, self.port, timeout=self.timeout_seconds)


def message(alerts: Sequence[Raised], sender: str, recipients: Sequence[str]) -> EmailMessage:
    """One mail about all of these, the worst first. The same alerts have the same Message-ID."""
    ordered = sorted(alerts, key=lambda one: (-_WEIGHT[one.alert.severity], one.raised_at, one.id))
    ids = " ".join(sorted(one.id for one in alerts))
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = one_line(_subject(ordered), 150)
    mail["From"], mail["To"] = sender, ", ".join(recipients)
    mail["Date"] = max(one.raised_at for one in alerts)
    mail["Message-ID"] = f"<{hashlib.sha256(ids.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail[ALERT] = ids
    mail.set_content("\n".join(_as_text(one) for one in ordered))
    mail.add_alternative(_page(ordered), subtype="html")
    return mail


def _subject(ordered: Sequence[Raised]) -> str:
    first = ordered[0].alert
    more = f" (and {len(ordered) - 1} more)" if len(ordered) > 1 else ""
    return f"[simline] {first.severity}: {first.kind} {first.subject}{more}".replace("  ", " ")


def _as_text(raised: Raised) -> str:
    alert = raised.alert
    facts = "".join(f"    {name}: {_shown(value)}\n" for name, value in sorted(alert.facts.items()))
    return f"{alert.severity.upper()}  {one_line(alert.sentence)}\n    {_when(raised)}, {raised.id}\n{facts}"


def _page(ordered: Sequence[Raised]) -> str:
    rows = "".join(
        f"<p><b>{escape(one.alert.severity)}</b> {escape(one_line(one.alert.sentence))}"
        f"<br><small>{escape(_when(one))}, {escape(one.id)}</small></p>"
        for one in ordered
    )
    return f"<!doctype html><html><body style='font-family:sans-serif'>{rows}</body></html>"


def _when(raised: Raised) -> str:
    return f"{raised.raised_at:%Y-%m-%d %H:%M:%S} UTC"


def _shown(value: object) -> str:
    return "unknown" if value is None else one_line(str(value), 200)
