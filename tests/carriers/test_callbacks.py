"""A callback names a SIM or nothing, and a signature that is not the carrier's is seen."""

import base64
import hashlib
import logging
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from carriers.callbacks import address_of, check_ed25519, check_twilio, named_in_query, secret_of, twilio_signature
from carriers.contract import Callback, Calling, CarrierAccount, Heard, OpenGate, Order
from carriers.errors import CarrierError, Forged
from carriers.registry import CAPABILITIES, open_carrier
from carriers.supersim import SuperSim
from domain.lifecycle import Action, Stage
from tests.carriers.canned import Canned, CannedCarrier

ICCID, SID = "89883070000123456789", "HS" + "1" * 32
SECRET = "s3cr3t-m4rk3r-abcdefghij"
TOKEN = "12345"
BASE = "https://hooks.example.com/simline"
ADDRESS = f"{BASE}/callbacks/kore/{SECRET}"
KEYS = {"account_sid": "AC1", "auth_token": TOKEN, "callback_secret": SECRET}
ACCOUNT = CarrierAccount("kore", "supersim", "http://127.0.0.1:9", {"callback_url": BASE}, KEYS, timeout_seconds=1.0)
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
TWILIO_EXAMPLE = [
    *(("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675309"), ("Digits", "1234")),
    *(("From", "+14158675309"), ("To", "+18005551212")),
]
"""The example that Twilio publishes, with the signature below."""


def signed_by_twilio(fields: list[tuple[str, str]], query: str = f"iccid={ICCID}", token: str = TOKEN) -> Callback:
    signature = twilio_signature(token, f"{ADDRESS}?{query}", fields)
    return Callback(query, FORM | {"x-twilio-signature": signature}, urlencode(fields).encode())


def test_the_signature_that_twilio_publishes_is_ours() -> None:
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert twilio_signature(TOKEN, url, TWILIO_EXAMPLE) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert twilio_signature(TOKEN, url, TWILIO_EXAMPLE[::-1]) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_a_call_that_twilio_signed_passes_whichever_way_it_spells_the_usual_port() -> None:
    signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    call = Callback("foo=1&bar=2", FORM | {"x-twilio-signature": signature}, urlencode(TWILIO_EXAMPLE).encode())
    check_twilio(call, "https://mycompany.com/myapp.php", TOKEN)
    check_twilio(call, "https://mycompany.com:443/myapp.php", TOKEN)
    with pytest.raises(Forged):
        check_twilio(call, "https://mycompany.com:8443/myapp.php", TOKEN)


Fields = st.lists(
    st.tuples(st.text("aBcé&=", min_size=1), st.text("xYz +%ü")), max_size=5, unique_by=lambda one: one[0]
)


@given(Fields)
def test_every_form_that_twilio_signs_passes(fields: list[tuple[str, str]]) -> None:
    check_twilio(signed_by_twilio(fields), ADDRESS, TOKEN)


@given(Fields, st.sampled_from(["token", "address", "query", "body", "signature", "no signature"]))
def test_no_call_passes_that_differs_in_anything_from_what_was_signed(fields: list[tuple[str, str]], what: str) -> None:
    call = signed_by_twilio(fields)
    changed = {
        "query": replace(call, query="iccid=89883070000123456788"),
        "body": replace(call, body=urlencode([*fields, ("new", "1")]).encode()),
        "signature": replace(call, headers=FORM | {"x-twilio-signature": "AAAA" + call.headers["x-twilio-signature"]}),
        "no signature": replace(call, headers=FORM),
    }.get(what, call)
    with pytest.raises(Forged):
        check_twilio(changed, ADDRESS + "x" * (what == "address"), TOKEN + "x" * (what == "token"))


def test_a_json_body_is_signed_by_its_hash_in_the_address() -> None:
    body = b'{"a": 1}'
    query = f"iccid={ICCID}&bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {"content-type": "application/json"}
    headers["x-twilio-signature"] = twilio_signature(TOKEN, f"{ADDRESS}?{query}", [])
    check_twilio(Callback(query, headers, body), ADDRESS, TOKEN)
    with pytest.raises(Forged):
        check_twilio(Callback(query, headers, b'{"a": 2}'), ADDRESS, TOKEN)


def test_a_body_of_any_kind_that_nobody_signed_does_not_pass() -> None:
    signature = twilio_signature(TOKEN, f"{ADDRESS}?iccid={ICCID}", [])
    for kind in ("application/json", "text/plain", ""):
        headers = {"content-type": kind, "x-twilio-signature": signature}
        check_twilio(Callback(f"iccid={ICCID}", headers, b""), ADDRESS, TOKEN)
        with pytest.raises(Forged):
            check_twilio(Callback(f"iccid={ICCID}", headers, b"x=1"), ADDRESS, TOKEN)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=\xff"])
def test_a_form_that_is_no_text_is_forged(body: bytes) -> None:
    with pytest.raises(Forged):
        check_twilio(Callback("", FORM | {"x-twilio-signature": "x"}, body), ADDRESS, TOKEN)


# ---- Ed25519

RFC_8032_KEY = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
RFC_8032_SIGNATURE = bytes.fromhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
)
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = base64.b64encode(PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
NOW = 1_790_000_000


def signed_with_key(body: bytes, at: int = NOW) -> Callback:
    signature = base64.b64encode(PRIVATE.sign(f"{at}|".encode() + body)).decode()
    return Callback("", {"its-signature": signature, "its-timestamp": str(at)}, body, received_at=float(NOW))


def check(call: Callback, key: str = PUBLIC) -> None:
    check_ed25519(call, key, signature_header="its-signature", timestamp_header="its-timestamp")


def test_the_curve_is_that_of_rfc_8032() -> None:
    from carriers.callbacks import ed25519_key

    ed25519_key(base64.b64encode(RFC_8032_KEY).decode()).verify(RFC_8032_SIGNATURE, b"\xaf\x82")


@given(st.binary(max_size=200))
def test_every_body_that_the_holder_of_the_key_signed_passes(body: bytes) -> None:
    check(signed_with_key(body))


@given(st.binary(max_size=50), st.sampled_from(["body", "timestamp", "signature", "none", "time is no number"]))
def test_no_body_passes_that_was_not_signed_so(body: bytes, what: str) -> None:
    call = signed_with_key(body)
    changed = {
        "body": replace(call, body=body + b"x"),
        "timestamp": replace(call, headers={**call.headers, "its-timestamp": str(NOW - 1)}),
        "signature": replace(call, headers={**call.headers, "its-signature": "é" + call.headers["its-signature"]}),
        "none": replace(call, headers={"its-timestamp": str(NOW)}),
        "time is no number": replace(call, headers={**call.headers, "its-timestamp": "soon"}),
    }[what]
    with pytest.raises(Forged):
        check(changed)


@pytest.mark.parametrize(("at", "passes"), [(NOW - 300, True), (NOW - 301, False), (NOW + 301, False)])
def test_a_call_that_was_signed_long_ago_is_not_heard_again(at: int, passes: bool) -> None:
    call = signed_with_key(b"{}", at)
    if passes:
        check(call)
        return
    with pytest.raises(Forged, match="too long ago"):
        check(call)


@pytest.mark.parametrize("key", ["", "abc", "é", base64.b64encode(b"short").decode()])
def test_a_key_that_is_none_is_a_fault_of_the_configuration(key: str) -> None:
    with pytest.raises(CarrierError, match="Copy it anew") as caught:
        check(signed_with_key(b""), key)
    assert not isinstance(caught.value, Forged)


# ---- where callbacks come in, and whom they are about


@pytest.mark.parametrize(
    ("options", "secrets", "sentence"),
    [
        ({"callback_url": BASE}, {}, "needs the secret `callback_secret`"),
        ({"callback_url": BASE}, {"callback_secret": "short"}, "must be 20 to 200 letters"),
        ({"callback_url": BASE}, {"callback_secret": SECRET + "/.."}, "must be 20 to 200 letters"),
        ({"callback_url": "http://hooks.example.com"}, {"callback_secret": SECRET}, "https"),
        ({"callback_url": "hooks.example.com"}, {"callback_secret": SECRET}, "https"),
        ({"callback_url": "https://h.example:port"}, {"callback_secret": SECRET}, "https"),
        ({"callback_url": f"{BASE}?x=1"}, {"callback_secret": SECRET}, "https"),
    ],
)
def test_an_account_that_cannot_be_called_says_what_to_mend(
    options: dict[str, str], secrets: dict[str, str], sentence: str
) -> None:
    keys = {"account_sid": "AC1", "auth_token": TOKEN} | secrets
    with pytest.raises(CarrierError, match=sentence) as caught:
        open_carrier(replace(ACCOUNT, options=options, secrets=keys))
    assert SECRET not in str(caught.value)


def test_an_account_without_the_option_has_no_address() -> None:
    assert address_of(replace(ACCOUNT, options={})) is None
    assert secret_of(replace(ACCOUNT, secrets={})) is None
    assert address_of(ACCOUNT) == ADDRESS


@given(st.text())
def test_a_query_names_an_iccid_or_nothing(query: str) -> None:
    heard = named_in_query(Callback(query))
    assert heard is None or (heard.iccid or "").isdecimal()


@pytest.mark.parametrize(
    "query", ["", "iccid=", "iccid=1", f"iccid={ICCID}&iccid={ICCID}", f"sim={ICCID}", "iccid=٨" * 20]
)
def test_a_query_that_is_not_ours_names_nothing(query: str) -> None:
    assert named_in_query(Callback(query)) is None


# ---- Super SIM


def test_every_carrier_that_can_call_says_whom_a_callback_is_about() -> None:
    calling = [name for name, can in CAPABILITIES.items() if can.calls_back]
    assert "supersim" in calling
    assert isinstance(SuperSim.open(ACCOUNT), Calling)


def test_a_change_of_status_asks_for_a_call_that_names_the_sim() -> None:
    reply = {"sid": SID, "iccid": ICCID, "status": "scheduled"}
    order = Order(ICCID, Action.DEACTIVATE, Stage.CHANGE, SID)
    with CannedCarrier(Canned(202, reply)) as carrier:
        SuperSim.open(replace(ACCOUNT, base_url=carrier.url)).submit([order], OpenGate())
        expected = {"CallbackUrl": f"{ADDRESS}?iccid={ICCID}", "CallbackMethod": "POST"}
        assert carrier.asked[0].form == {"Status": "inactive"} | expected
        SuperSim.open(replace(ACCOUNT, base_url=carrier.url, options={})).submit([order], OpenGate())
        assert carrier.asked[1].form == {"Status": "inactive"}


def test_a_claim_asks_for_no_call() -> None:
    order = Order(ICCID, Action.ACTIVATE, Stage.CLAIM, registration_code="code")
    with CannedCarrier(Canned(201, {"sid": SID, "iccid": ICCID, "status": "new"})) as carrier:
        SuperSim.open(replace(ACCOUNT, base_url=carrier.url)).submit([order], OpenGate())
        assert set(carrier.asked[0].form) == {"Iccid", "RegistrationCode"}


def test_super_sims_call_is_about_the_iccid_of_its_address_whatever_it_holds() -> None:
    adapter = SuperSim.open(ACCOUNT)
    assert adapter.heard(signed_by_twilio([("SimSid", "HS0"), ("Iccid", "1")])) == Heard(ICCID)
    assert adapter.heard(signed_by_twilio([], query="other=1")) is None


def test_a_call_that_super_sims_token_has_not_signed_is_forged() -> None:
    with pytest.raises(Forged):
        SuperSim.open(ACCOUNT).heard(signed_by_twilio([], token="another"))


def test_without_a_token_of_its_own_only_the_address_keeps_strangers_out() -> None:
    keys = {"client_id": "a", "client_secret": "b", "callback_secret": SECRET}
    options = {"auth": "oauth", "token_url": "http://127.0.0.1:9/token", "callback_url": BASE}
    adapter = SuperSim.open(replace(ACCOUNT, options=options, secrets=keys))
    assert adapter.heard(Callback(f"iccid={ICCID}")) == Heard(ICCID)


def test_nobody_is_heard_who_was_not_asked_to_call() -> None:
    assert SuperSim.open(replace(ACCOUNT, options={})).heard(Callback(f"iccid={ICCID}")) is None


def test_the_secret_of_the_address_is_nowhere_to_be_seen(caplog: pytest.LogCaptureFixture) -> None:
    echo = {"code": 20001, "message": f"cannot call {ADDRESS}?iccid={ICCID}"}
    order = Order(ICCID, Action.ACTIVATE, Stage.CHANGE, SID)
    with CannedCarrier(Canned(400, echo)) as carrier, caplog.at_level(logging.DEBUG):
        adapter = SuperSim.open(replace(ACCOUNT, base_url=carrier.url))
        (answer,) = adapter.submit([order], OpenGate())
    assert "[secret]" in answer.detail
    assert SECRET not in answer.detail + caplog.text + repr(vars(adapter)) + repr(adapter) + repr(ACCOUNT)
