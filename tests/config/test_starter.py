"""What `simline init` writes can be used as it stands."""

from pathlib import Path

import pytest

from config.errors import ConfigurationError
from config.loading import load_settings
from config.settings import SHIPPED
from config.starter import FILES, new_key, write_starter
from storage.vault import Vault


def test_the_starter_loads_as_it_was_written(tmp_path: Path) -> None:
    written = write_starter(tmp_path / "new")
    settings = load_settings(written[0], {})
    assert [file.name for file in written] == list(FILES)
    assert [source.name for source in settings.sources] == ["inbox"]
    assert settings.path(str(settings.plans_file)) == written[2].resolve()
    assert [(product.id, product.account) for product in settings.products] == [("tracker", "acme")]


def test_the_starter_says_the_same_as_the_shipped_files(tmp_path: Path) -> None:
    assert all(file.read_bytes() == (SHIPPED / file.name).read_bytes() for file in write_starter(tmp_path))


def test_the_starter_never_overwrites_and_writes_nothing_beside(tmp_path: Path) -> None:
    mine = tmp_path / "plans.toml"
    mine.write_text("# mine\n")
    with pytest.raises(ConfigurationError, match="already there and was left alone"):
        write_starter(tmp_path)
    assert mine.read_text() == "# mine\n"
    assert list(tmp_path.iterdir()) == [mine]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_starter(tmp_path / "file" / "below")


def test_a_new_key_opens_what_it_sealed_and_is_new_each_time() -> None:
    key = new_key()
    vault = Vault(key)
    assert vault.reveal(vault.seal("123456")) == "123456"
    assert new_key() != key
