"""Callbacks: where a carrier may call us, and whether it was the carrier who did. Pure; adapters say what it means.

A callback comes to `POST /callbacks/ACCOUNT/SECRET`. The secret in its address keeps strangers out; where the carrier
signs its calls, the signature does too. Even so a callback is only a hint to look.
"""

import base64
import binascii
import hashlib
import hmac
import re
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from carriers.contract import Callback, CarrierAccount, Heard
from carriers.errors import CarrierError, Forged
from carriers.http import refuse_plain_http

CALLBACK_URL, CALLBACK_SECRET = "callback_url", "callback_secret"
SECRET_FORM = re.compile(r"[A-Za-z0-9_-]{20,200}")
ICCID_FORM = re.compile(r"[0-9]{18,20}")
TOLERANCE_SECONDS = 300.0
DEFAULT_PORTS = {"http": 80, "https": 443}


def secret_of(account: CarrierAccount) -> str | None:
    """The secret part of the address at which this account's callbacks come in; None without one.

    Raises `CarrierError` for one that could be guessed or cannot stand in an address.
    """
    secret = account.secrets.get(CALLBACK_SECRET)
    if secret is not None and not SECRET_FORM.fullmatch(secret):
        raise CarrierError(
            f"Carrier account {account.name}: its `{CALLBACK_SECRET}` must be 20 to 200 letters, digits, - and _. "
            "`openssl rand -hex 24` makes one."
        )
    return secret


def address_of(account: CarrierAccount) -> str | None:
    """The public address for this account's callbacks, with its secret; None without the option `callback_url`.

    Raises `CarrierError` where the option stands without the secret, or is no address that may be told to a carrier.
    """
    base = account.options.get(CALLBACK_URL)
    if base is None:
        return None
    if not _is_address(base):
        raise CarrierError(f"Carrier account {account.name}: option `{CALLBACK_URL}` must be an https address.")
    refuse_plain_http(base)
    secret = secret_of(account)
    if secret is None:
        raise CarrierError(
            f"Carrier account {account.name}: option `{CALLBACK_URL}` needs the secret `{CALLBACK_SECRET}`."
        )
    return f"{base.rstrip('/')}/callbacks/{quote(account.name, safe='')}/{secret}"


def named_in_query(callback: Callback) -> Heard | None:
    """The ICCID that we put into the address ourselves; None when there is none, or more than one.

    >>> named_in_query(Callback("iccid=8934076500002589174"))
    Heard(iccid='8934076500002589174', carrier_reference=None)
    >>> named_in_query(Callback("iccid=all")), named_in_query(Callback())
    (None, None)
    """
    named = parse_qs(callback.query).get("iccid", [])
    return Heard(named[0]) if len(named) == 1 and ICCID_FORM.fullmatch(named[0]) else None


def twilio_signature(token: str, url: str, fields: list[tuple[str, str]]) -> str:
    """What Twilio puts into `X-Twilio-Signature`: base64 of HMAC-SHA1 over the address and the sorted form fields."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def check_twilio(callback: Callback, address: str, token: str) -> None:
    """Raise `Forged` unless the account of this token signed the call to this address (without its query).

    A body that is no form is not among the signed fields: then the query holds its hash, which is signed with it.
    """
    url = f"{address}?{callback.query}" if callback.query else address
    fields = _form(callback) if _holds_form(callback) else []
    if not _holds_form(callback) and callback.body:
        _check_body_hash(callback)
    given = callback.headers.get("x-twilio-signature", "").encode()
    expected = [twilio_signature(token, spelling, fields).encode() for spelling in _spellings(url)]
    if not any(hmac.compare_digest(given, one) for one in expected):
        raise Forged("The signature of a callback is missing or wrong.")


def check_ed25519(
    callback: Callback,
    public_key: str,
    *,
    signature_header: str,
    timestamp_header: str,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> None:
    """Raise `Forged` unless the holder of the key (base64, raw 32 bytes) signed `TIMESTAMP|BODY` within the tolerance.

    The timestamp is in epoch seconds, the signature in base64. Raises `CarrierError` for a key that is none.
    """
    key = ed25519_key(public_key)
    timestamp = callback.headers.get(timestamp_header, "")
    if not re.fullmatch(r"[0-9]{1,12}", timestamp):
        raise Forged("A callback does not say when it was signed.")
    if abs(callback.received_at - int(timestamp)) > tolerance_seconds:
        raise Forged("A callback was signed too long ago, or one of the two clocks is wrong.")
    try:
        signature = base64.b64decode(callback.headers.get(signature_header, ""), validate=True)
        key.verify(signature, timestamp.encode() + b"|" + callback.body)
    except (InvalidSignature, ValueError):  # binascii.Error is a ValueError
        raise Forged("The signature of a callback is missing or wrong.") from None


def ed25519_key(text: str) -> Ed25519PublicKey:
    """A public key as carriers' portals show it: base64 of its 32 bytes. Raises `CarrierError`."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise CarrierError("The public key for callbacks is not base64 of 32 bytes. Copy it anew.") from None


def _is_address(text: str) -> bool:
    """Whether a path can be put behind it."""
    try:
        parts = urlsplit(text)
        return parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and not parts.query and parts.port != 0
    except ValueError:
        return False


def _holds_form(callback: Callback) -> bool:
    kind = callback.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/x-www-form-urlencoded"


def _form(callback: Callback) -> list[tuple[str, str]]:
    try:
        return parse_qsl(callback.body.decode(), keep_blank_values=True)
    except ValueError:
        raise Forged("The form of a callback is not in UTF-8.") from None


def _check_body_hash(callback: Callback) -> None:
    told = parse_qs(callback.query).get("bodySHA256", [""])[0].lower()
    if not hmac.compare_digest(told.encode(), hashlib.sha256(callback.body).hexdigest().encode()):
        raise Forged("The body of a callback is not the one that was signed.")


def _spellings(url: str) -> set[str]:
    """The address as it is, and with and without its scheme's usual port: the signer may have written either.

    >>> sorted(_spellings("https://example.com/x?y=1"))
    ['https://example.com/x?y=1', 'https://example.com:443/x?y=1']
    """
    parts = urlsplit(url)
    usual = DEFAULT_PORTS[parts.scheme]
    if parts.port not in (None, usual):
        return {url}
    host = parts.netloc.removesuffix(f":{usual}")
    return {url, *(parts._replace(netloc=netloc).geturl() for netloc in (host, f"{host}:{usual}"))}
