"""Headers: which column is which, and which of them mean key material."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.columns import find_columns, fold, line_shows_key_material, names_key_material, shown_to_people
from domain.manifests import ManifestColumn, ManifestRefused


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("ICCID", ManifestColumn.ICCID),
        ("iccid", ManifestColumn.ICCID),
        ("ICC-ID", ManifestColumn.ICCID),
        ("SIM", ManifestColumn.ICCID),
        ("SIM number", ManifestColumn.ICCID),
        ("\ufeffICCID (19 digits)", ManifestColumn.ICCID),
        ("iccid_with_luhn", ManifestColumn.ICCID),
        ("ＩＣＣＩＤ", ManifestColumn.ICCID),
        ("Device ID", ManifestColumn.DEVICE_ID),
        ("deviceId", ManifestColumn.DEVICE_ID),
        ("device_name", ManifestColumn.DEVICE_NAME),
        ("Product", ManifestColumn.PRODUCT),
        ("Home Country", ManifestColumn.HOME_COUNTRY),
        ("country", ManifestColumn.HOME_COUNTRY),
        ("carrier_account", ManifestColumn.CARRIER_ACCOUNT),
        ("Carrier Account", ManifestColumn.CARRIER_ACCOUNT),
        ("Carrier account name", ManifestColumn.CARRIER_ACCOUNT),
        ("registration_code", ManifestColumn.REGISTRATION_CODE),
        ("RegistrationCode", ManifestColumn.REGISTRATION_CODE),
        ("reg code", ManifestColumn.REGISTRATION_CODE),
        ("activation code", ManifestColumn.REGISTRATION_CODE),
        ("Note", ManifestColumn.NOTE),
    ],
)
def test_a_header_is_found_under_each_of_its_names(header: str, column: ManifestColumn) -> None:
    found = find_columns(["box", header, "device id" if column is not ManifestColumn.DEVICE_ID else "x"])
    assert found is not None
    assert found[column] == 1


def test_a_header_without_an_iccid_or_a_device_is_no_header() -> None:
    assert find_columns(["Serial", "Product", "Country", "Note"]) is None


def test_the_number_with_its_check_digit_is_preferred_to_the_one_without() -> None:
    found = find_columns(["iccid", "iccid_with_luhn", "SIM"])
    assert found == {ManifestColumn.ICCID: 1}


def test_a_vendors_column_of_operators_is_no_column_of_accounts() -> None:
    found = find_columns(["iccid", "operator", "carrier", "Carrier account"])
    assert found == {ManifestColumn.ICCID: 0, ManifestColumn.CARRIER_ACCOUNT: 3}


def test_two_columns_of_one_name_are_refused_rather_than_guessed() -> None:
    with pytest.raises(ManifestRefused, match="Two columns") as refusal:
        find_columns(["ICCID", "icc-id", "country"])
    assert refusal.value.reason == "ambiguous_header"


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Ki",
            "KI",
            "ki (hex)",
            "eKi",
            "Ki_value",
            "SIM Ki",
            "OPc",
            "OP",
            "OP (hex)",
            "PIN",
            "PIN1",
            "pin_2",
            "PinCode",
        ),
        *("SIM PIN", "PUK_2", "puk 1", "PUK1Code", "UPUK", "Code (PUK)", "ADM", "adm1", "ADM-1", "K4", "KIC", "CHV1"),
        *(
            "Transport Key",
            "transport_key",
            "authentication key",
            "ＰＵＫ",
            "MASTER_KEY",
            "SUBSCRIBER KEY",
            "Secret key",
        ),
        *("PINPUK", "PukPin", "PIN/PUK", "Unblocking code", "PIN unblocking key", "Personal Unblocking Key (PUK)"),
    ],
)
def test_a_key_column_is_seen_under_each_of_its_names(header: str) -> None:
    assert names_key_material(header)


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Spin",
            "Kind",
            "Pinned",
            "Kit",
            "Kilo",
            "Skip",
            "Operator",
            "Op name",
            "Opcode",
            "Admin",
            "Admission",
            "Pukka",
        ),
        *("Key account", "Monkey", "Keyboard", "Master", "Subscriber", "Blocking code", "Primary key"),
        *("Shipping", "Opened", "Country", "ICCID", "IMSI", "registration_code", "Activation Code", "Pink", "Box", ""),
    ],
)
def test_a_word_that_only_looks_like_a_key_is_none(header: str) -> None:
    assert not names_key_material(header)


@pytest.mark.parametrize("line", ["ICCID KI OPC", "*Var_Out: ICCID/PIN1/PUK1/KI", "# iccid; puk", "PIN1 PUK1", "PUK"])
def test_a_line_that_reads_like_a_key_header_is_seen(line: str) -> None:
    assert line_shows_key_material(line)


@pytest.mark.parametrize("line", ["# the PIN is on the card", "8934076500002589174", "Kind regards, Pinky", ""])
def test_a_line_that_only_mentions_a_key_is_no_key_header(line: str) -> None:
    assert not line_shows_key_material(line)


@pytest.mark.parametrize(
    "cell", ["1234", "8934076500002589174", "0A1B2C3D4E5F60718293A4B5C6D7E8F9", "DEADBEEF", "R2D2-7"]
)
def test_a_cell_that_could_be_a_code_or_a_key_is_not_shown(cell: str) -> None:
    assert shown_to_people([cell]) == "(a value)"


def test_words_of_a_header_are_shown() -> None:
    assert shown_to_people(["Serial", "", "Batch no", "PIN1"]) == "'Serial', (empty), 'Batch no', 'PIN1'"


@given(st.text())
def test_no_header_whatever_breaks_the_rules(header: str) -> None:
    assert fold(fold(header)) == fold(header) or not header.isascii()
    names_key_material(header)
    line_shows_key_material(header)
    assert shown_to_people([header])
