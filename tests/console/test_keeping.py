"""`products` and `devices`."""

from typing import Any

import pytest

from console.commands import CANNOT, FINE, NEEDS_YOU


def test_products_show_their_sims_and_the_room_of_their_account(place: Any, rows: Any) -> None:
    file = place.file("order.csv", *rows(3))
    place.simline("import", file, "--product", "small", "--home-country", "DE", "--no-activate")
    found = {one["id"]: one for one in place.simline("products", "--json").json}
    assert (found["small"]["sims"], found["small"]["room"]) == (3, 97)
    assert found["tracker"]["room"] is None
    assert "97" in place.simline("products", "list").out


def test_a_product_can_be_added_once(place: Any) -> None:
    assert place.simline("products", "add", "beacon", "--account", "newco", "--name", "Beacon").status == FINE
    again = place.simline("products", "add", "beacon", "--account", "newco")
    assert again.status == CANNOT
    assert "beacon" in again.err
    assert "beacon" in {one["id"] for one in place.simline("products", "--json").json}


@pytest.mark.parametrize("name", ["Beacon", "a b", "../x", ""])
def test_an_id_is_small_letters_and_digits(place: Any, name: str) -> None:
    said = place.simline("products", "add", name, "--account", "acme")
    assert said.status == CANNOT
    assert "cannot be an id" in said.err


def test_a_product_that_was_added_can_be_upgraded(place: Any) -> None:
    place.simline("products", "add", "beacon", "--account", "newco")
    said = place.simline("products", "upgrade", "beacon", "--tier", "enterprise")
    assert said.status == FINE
    assert "`simline rerun MANIFEST --only held --reason WHY` lets them go on" in said.out
    tiers = {one["id"]: one["tier"] for one in place.simline("products", "--json").json}
    assert tiers["beacon"] == "enterprise"


def test_a_declared_product_is_upgraded_where_it_is_declared(place: Any) -> None:
    said = place.simline("products", "upgrade", "small", "--tier", "growth")
    assert said.status == CANNOT
    assert "simline.toml" in said.err


def test_upgrading_what_there_is_not_is_a_sentence(place: Any) -> None:
    said = place.simline("products", "upgrade", "nothing", "--tier", "growth")
    assert said.status == CANNOT
    assert "There is no product nothing" in said.err


def test_an_inventory_lets_manifests_name_devices(place: Any, iccid: Any) -> None:
    inventory = place.file("devices.csv", f"dev-1,{iccid(1)},Door", "dev-2,,", header="device_id,iccid,name")
    said = place.simline("devices", "import", inventory)
    assert said.status == FINE
    assert "2 devices imported" in said.out
    file = place.file("order.csv", "dev-1,CODE1", "dev-2,CODE2", "dev-3,CODE3", header="device_id,registration_code")
    place.simline("import", file, "--product", "tracker", "--home-country", "DE", "--no-activate")
    assert [sim["iccid"] for sim in place.simline("sims", "--json").json["sims"]] == [iccid(1)]


def test_bad_rows_are_listed_with_their_line_and_the_others_kept(place: Any, iccid: Any) -> None:
    bad = ("dev-2,89883070000000000001,", f",{iccid(2)},")
    inventory = place.file("devices.csv", f"dev-1,{iccid(1)},", *bad, header="device_id,iccid,name")
    said = place.simline("devices", "import", inventory)
    assert said.status == NEEDS_YOU
    assert "1 device imported" in said.out
    assert "Line 3: 89883070000000000001: The last digit" in said.out
    assert "Line 4: there is no device ID" in said.out


def test_only_the_first_bad_rows_are_shown(place: Any) -> None:
    inventory = place.file("devices.csv", *[f"d{n},1," for n in range(30)], header="device_id,iccid,name")
    said = place.simline("devices", "import", inventory)
    assert said.out.count("Line ") == 20
    assert "And 10 more" in said.out


@pytest.mark.parametrize("content", [b"iccid\n1\n", b"", b"\xff\xfe\x00device_id", b"PK\x03\x04\x00\x00"])
def test_a_file_that_is_no_inventory_is_a_sentence(place: Any, content: bytes) -> None:
    path = place.folder / "devices.csv"
    path.write_bytes(content)
    said = place.simline("devices", "import", path)
    assert said.status == CANNOT
    assert "device_id" in said.err or "not a CSV file in UTF-8" in said.err
    assert "Traceback" not in said.err
    assert place.simline("devices", "import", "nowhere.csv").status == CANNOT
