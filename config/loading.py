"""The settings out of TOML files and the environment: read, laid over each other, checked, and told where they fail."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import EnvSettingsSource
from pydantic_settings.exceptions import SettingsError

from config import sections
from config.errors import ConfigurationError, Layer, faults_of, near, sentences_of
from config.references import faults_between
from config.settings import PREFIX, SHIPPED, Settings


def load_settings(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings: environment over simline.toml over carriers.toml and plans.toml.

    The file is the given one, else the one in SIMLINE_CONFIG, else simline.toml in the working directory, else none.
    Raises `ConfigurationError`, one sentence for each fault.
    """
    environment = os.environ if environment is None else environment
    file = main_file(file, environment)
    layers = [_environment_layer(environment), _file_layer(file) if file else Layer("The defaults", {})]
    folder = file.resolve().parent if file else Path.cwd()
    known = _merged(layers)
    start = folder / Path(str(known.get("folder", "")))
    layers.append(_part_layer(known.get("carriers_file"), start, "carriers.toml", {"issuers", "carrier_accounts"}))
    layers.append(_part_layer(known.get("plans_file"), start, "plans.toml", {"zones", "plans"}))
    values = _merged(layers) | {"folder": start}
    settings = _validated(values, layers)
    _refuse_typos(environment, settings)
    return settings


def _validated(values: dict[str, Any], layers: list[Layer]) -> Settings:
    """The typed settings. The cause is cut off: pydantic's own text would repeat the values."""
    try:
        settings = Settings(**values)
    except ValidationError as error:
        faults = faults_of(error.errors(include_url=False, include_input=False), values, _known_keys())
        raise ConfigurationError(sentences_of(faults, layers)) from None
    if faults := faults_between(settings):
        raise ConfigurationError(sentences_of(faults, layers))
    return settings


def main_file(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Path | None:
    """Which simline.toml is read: see `load_settings`. Raises `ConfigurationError` where a named one is not there."""
    environment = os.environ if environment is None else environment
    named = file or (Path(environment["SIMLINE_CONFIG"]) if environment.get("SIMLINE_CONFIG") else None)
    if named is None:
        return Path("simline.toml") if Path("simline.toml").is_file() else None
    if not named.is_file():
        raise ConfigurationError(f"There is no file {named}. Write one with `simline init`, or correct the path.")
    return named


def _file_layer(file: Path) -> Layer:
    try:
        layer = Layer(str(file), tomllib.loads(file.read_text(encoding="utf-8")))
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is no text (UTF-8). Name a TOML file, or save it as one.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}. Correct that place.") from None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}. Correct the path or its rights.") from None
    if "key" in layer.values:
        raise ConfigurationError(f"{file}: `key` does not belong into a file. Put it into the variable SIMLINE_KEY.")
    return layer


def _part_layer(configured: Any, folder: Path, shipped: str, sections_there: set[str]) -> Layer:
    """carriers.toml or plans.toml: the operator's own where one is configured, else the shipped one."""
    layer = _file_layer(folder / Path(str(configured)).expanduser() if configured else SHIPPED / shipped)
    if strange := sorted(set(layer.values) - sections_there):
        hint = near(strange[0], sections_there) or f". It holds only {' and '.join(sorted(sections_there))}."
        raise ConfigurationError(f"{layer.name}: `{strange[0]}` does not belong into this file{hint}")
    return layer


def _environment_layer(environment: Mapping[str, str]) -> Layer:
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): value for name, value in environment.items()}
    try:
        return Layer("The environment", source(), is_environment=True)
    except SettingsError as error:
        field = str(error).split('"')[1]
        name = f"{PREFIX}{field.upper()}"
        raise ConfigurationError(f"The environment variable {name} is not valid JSON. Correct or unset it.") from None


def _refuse_typos(environment: Mapping[str, str], settings: Settings) -> None:
    """A SIMLINE_ variable that sets nothing is a typo, unless a secret or something of the tests has that name."""
    named = {name for account in settings.carrier_accounts.values() for name in account.secrets.values()}
    named |= set(settings.alerts.secret_names())
    fields = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields} | {"SIMLINE_CONFIG"}
    for name in sorted(environment.keys() - named):
        first = name.upper().split("__")[0]
        if first.startswith(PREFIX) and first not in fields and not first.startswith(f"{PREFIX}TEST_"):
            raise ConfigurationError(
                f"The environment variable {name} is not a setting{near(first, fields) or '. Unset it.'}"
            )


def _merged(layers: list[Layer]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        merged = _over(merged, layer.values)
    return merged


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`: tables key by key, everything else as a whole."""
    both = {key for key in below.keys() & above.keys() if isinstance(below[key], dict) and isinstance(above[key], dict)}
    return {**below, **above, **{key: _over(below[key], above[key]) for key in both}}


def _known_keys() -> set[str]:
    """Every key of every section, for a typo's nearest neighbour."""
    models: list[type[BaseModel]] = [Settings, *sections.Section.__subclasses__()]
    return {field for model in models for field in model.model_fields}
