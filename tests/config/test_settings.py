"""Settings: where a value comes from, and what people read when one is wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config.errors import ConfigurationError
from config.loading import load_settings
from config.sections import TimingSection
from config.settings import SHIPPED, Settings
from domain.iccid import is_valid
from engine.context import Timing

MARKER = "sk-marker-5d1f"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file below the test's own folder."""

    def write_file(text: str, name: str = "simline.toml") -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return write_file


def refusal(file: Path | None, environment: dict[str, str] | None = None) -> str:
    """The sentences of the refusal; a cause would drag pydantic's text, and with it the values, into the log."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file, environment or {})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_without_any_file_the_shipped_issuers_and_plans_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(environment={})
    assert {issuer.prefix for issuer in settings.issuers} >= {"8988307", "893407"}
    assert settings.database_url() == f"sqlite:///{tmp_path.resolve() / 'simline.db'}"
    assert settings.plans
    assert settings.carrier_accounts["supersim"].carrier == "supersim"


def test_the_file_in_the_working_directory_is_found_by_itself(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write("[brake]\nsims = 7\n").parent)
    assert load_settings(environment={}).brake.sims == 7


def test_simline_config_names_another_file_and_a_given_path_beats_it(write: Write) -> None:
    named, given = write("[brake]\nsims = 1\n", "named.toml"), write("[brake]\nsims = 2\n", "given.toml")
    environment = {"SIMLINE_CONFIG": str(named)}
    assert load_settings(None, environment).brake.sims == 1
    assert load_settings(given, environment).brake.sims == 2


def test_the_environment_beats_the_file_key_by_key(write: Write) -> None:
    file = write("[timing]\nlease_seconds = 100\nattempts = 3\n")
    settings = load_settings(file, {"SIMLINE_TIMING__ATTEMPTS": "4"})
    assert (settings.timing.lease_seconds, settings.timing.attempts) == (100, 4)


def test_the_environment_moves_one_key_of_a_shipped_carrier_account(write: Write) -> None:
    settings = load_settings(write(""), {"SIMLINE_CARRIER_ACCOUNTS__SUPERSIM__BASE_URL": "http://127.0.0.1:9"})
    account = settings.carrier_accounts["supersim"]
    assert account.base_url == "http://127.0.0.1:9"
    assert account.limits[0].count == 10


def test_relative_paths_start_at_the_folder_of_the_file(write: Write) -> None:
    file = write('[database]\nurl = "sqlite:///ledger/simline.db"\n', "etc/simline.toml")
    settings = load_settings(file, {})
    assert settings.path("manifests") == file.parent.resolve() / "manifests"
    assert settings.database_url() == f"sqlite:///{file.parent.resolve() / 'ledger' / 'simline.db'}"


def test_own_carriers_and_plans_replace_the_shipped_ones(write: Write) -> None:
    write('[[issuers]]\nprefix = "8949"\nname = "Somebody"\n', "own-carriers.toml")
    write('[zones]\nhome = ["NA"]\n', "own-plans.toml")
    file = write('carriers_file = "own-carriers.toml"\nplans_file = "own-plans.toml"\n')
    settings = load_settings(file, {})
    assert [issuer.prefix for issuer in settings.issuers] == ["8949"]
    assert (settings.plans, settings.zones, settings.carrier_accounts) == ([], {"home": ["NA"]}, {})


def test_an_issuer_may_have_numbers_of_18_digits(write: Write) -> None:
    write('[[issuers]]\nprefix = "8949"\nname = "Somebody"\nlengths = [18]\n', "own-carriers.toml")
    write('[zones]\nhome = ["NA"]\n', "own-plans.toml")
    file = write('carriers_file = "own-carriers.toml"\nplans_file = "own-plans.toml"\n')
    settings = load_settings(file, {})
    profiles = [issuer.profile() for issuer in settings.issuers]
    assert is_valid("894900000000000007", profiles)
    assert not is_valid("8949000000000001230", profiles)


def test_a_typo_is_named_with_its_file_and_its_nearest_neighbour(write: Write) -> None:
    file = write('[databse]\nurl = "sqlite:///x.db"\n')
    assert refusal(file) == f"{file}: `databse` is not a setting; did you mean `database`?"


def test_a_typo_inside_a_list_is_named_by_the_items_own_name(write: Write) -> None:
    file = write('[[sources]]\nkind = "folder"\nname = "inbox"\npath = "m"\nstil_seconds = 3\n')
    assert "`sources[inbox].stil_seconds` is not a setting; did you mean `still_seconds`?" in refusal(file)


def test_a_typo_in_a_variable_is_named(write: Write) -> None:
    sentence = refusal(write(""), {"SIMLINE_DATABSE__URL": "sqlite:///x.db"})
    assert sentence == (
        "The environment variable SIMLINE_DATABSE__URL is not a setting; did you mean `SIMLINE_DATABASE`?"
    )


def test_a_typo_behind_the_delimiter_is_named_as_the_variable(write: Write) -> None:
    sentence = refusal(write(""), {"SIMLINE_DATABASE__URI": "sqlite:///x.db"})
    assert sentence == "The environment variable SIMLINE_DATABASE__URI is not a setting; did you mean `url`?"


def test_a_carriers_secret_may_have_a_name_of_our_prefix(write: Write) -> None:
    variable = "SIMLINE_CARRIER_TOKEN"
    write(
        '[carrier_accounts.a]\ncarrier = "supersim"\nbase_url = "https://x.example"\nlimits = [{ count = 1 }]\n'
        f'secrets = {{ token = "{variable}" }}\n',
        "c.toml",
    )
    write("", "p.toml")
    settings = load_settings(write('carriers_file = "c.toml"\nplans_file = "p.toml"\n'), {variable: MARKER})
    assert settings.carrier_accounts["a"].secrets == {"token": variable}
    assert MARKER not in repr(settings)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[brake]\nsims = 0\n", "`brake.sims` must be greater than 0."),
        ("[usage]\nagain_days = 6\n", "`usage.again_days` must be at least 7: usage is told late"),
        ('[brake]\nsims = "many"\n', "`brake.sims` must be a valid integer"),
        ('[[sources]]\nname = "x"\n', "`sources[x]` has no `kind`. Say `folder` or `s3`."),
        ('[[sources]]\nkind = "s3"\nname = "x"\n', "`sources[x].bucket` is missing. Add it."),
        ('[[sources]]\nkind = "folder"\nname = "In Box"\npath = "m"\n', "`sources[In Box].name` must be small letters"),
        (
            '[[products]]\nid = "t"\nname = "T"\naccount = "a"\ntier = "gold"\n',
            "`products[t].tier` must be 'sandbox', 'growth' or 'enterprise'.",
        ),
        (
            '[[sources]]\nkind = "folder"\nname = "i"\npath = "m"\nroutes = [{ home_country = "UK" }]\n',
            "'UK' is written GB.",
        ),
        ('[database]\nurl = "mysql://x"\n', "`database.url` must be sqlite:///FILE or postgresql://"),
        ('key = "abc"\n', "`key` does not belong into a file. Put it into the variable SIMLINE_KEY."),
        ("[brake\n", "is not valid TOML"),
        ('carriers_file = "nowhere.toml"\n', "nowhere.toml cannot be read: No such file or directory."),
    ],
)
def test_each_fault_has_its_sentence(write: Write, text: str, sentence: str) -> None:
    file = write(text)
    said = refusal(file)
    assert sentence in said
    assert str(file.parent) in said


def test_a_binary_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "simline.toml").write_bytes(b"\xff\xfe\x00")
    assert refusal(tmp_path / "simline.toml").endswith("is no text (UTF-8). Name a TOML file, or save it as one.")


def test_every_fault_is_told_at_once(write: Write) -> None:
    assert len(refusal(write("[brake]\nsims = 0\ngrowth = 0\n[timing]\nattempts = 0\n")).splitlines()) == 3


def test_a_missing_file_is_said_with_what_to_do(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.toml").endswith("Write one with `simline init`, or correct the path.")


def test_a_section_in_the_wrong_file_is_refused(write: Write) -> None:
    write("[database]\n", "c.toml")
    assert "`database` does not belong into this file" in refusal(write('carriers_file = "c.toml"\n'))


def test_a_variable_that_is_no_json_is_named_without_its_text(write: Write) -> None:
    said = refusal(write(""), {"SIMLINE_SOURCES": f"[{MARKER}"})
    assert said == "The environment variable SIMLINE_SOURCES is not valid JSON. Correct or unset it."


@pytest.mark.parametrize(
    "environment",
    [
        {"SIMLINE_DATABASE__URL": f"oracle://me:{MARKER}@host/db"},
        {"SIMLINE_DATABASE__URL": f"{MARKER}"},
        {"SIMLINE_CARRIER_ACCOUNTS__SUPERSIM__SECRETS__TOKEN": MARKER},
        {"SIMLINE_CARRIER_ACCOUNTS__SUPERSIM__BASE_URL": f"https://me:{MARKER}@host"},
        {"SIMLINE_BRAKE__SIMS": "x", "SIMLINE_KEY": MARKER},
    ],
)
def test_no_refusal_repeats_a_secret(write: Write, environment: dict[str, str]) -> None:
    assert MARKER not in refusal(write(""), environment)


def test_secrets_are_hidden_in_the_representation(write: Write) -> None:
    settings = load_settings(
        write(""), {"SIMLINE_KEY": MARKER, "SIMLINE_DATABASE__URL": f"postgresql://me:{MARKER}@host/db"}
    )
    assert MARKER not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.database_url() == f"postgresql://me:{MARKER}@host/db"


def test_plain_http_to_another_machine_is_refused(write: Write) -> None:
    said = refusal(write(""), {"SIMLINE_CARRIER_ACCOUNTS__SUPERSIM__BASE_URL": "http://carrier.example"})
    assert "must start with https://" in said


def test_settings_read_nothing_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIMLINE_BRAKE__SIMS", "3")
    assert Settings().brake.sims != 3
    assert load_settings().brake.sims == 3


def test_sections_carry_every_field_of_what_they_make() -> None:
    assert TimingSection().timing() == Timing()
    settings = Settings()
    assert settings.brake.brake() == type(settings.brake.brake())()
    assert settings.file_limits.file_limits() == type(settings.file_limits.file_limits())()
    for section, made in (
        (settings.timing, settings.timing.timing()),
        (settings.brake, settings.brake.brake()),
        (settings.file_limits, settings.file_limits.file_limits()),
    ):
        assert set(type(section).model_fields) == set(made.__dataclass_fields__)


def test_the_shipped_files_stand_beside_the_code() -> None:
    assert {file.name for file in SHIPPED.glob("*.toml")} == {"carriers.toml", "plans.toml", "simline.toml"}
