"""What `simline init` writes: three commented files to begin with, and a key."""

from pathlib import Path

from cryptography.fernet import Fernet

from config.errors import ConfigurationError

FILES = ("simline.toml", "carriers.toml", "plans.toml")


def new_key() -> str:
    """A fresh value for SIMLINE_KEY. It is shown once and stored nowhere: without it sealed codes stay sealed."""
    return Fernet.generate_key().decode()


def write_starter(folder: Path) -> tuple[Path, ...]:
    """Write the starter files into the folder and return their paths. Never overwrites: all of them or none.

    Raises `ConfigurationError` when one is already there or the folder cannot be written.
    """
    targets = [folder / name for name in FILES]
    if there := [target for target in targets if target.exists()]:
        raise ConfigurationError(f"{there[0]} is already there and was left alone. Choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target in targets:
            with target.open("xb") as new:
                new.write((Path(__file__).parent / target.name).read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}. Choose another folder.") from None
    return tuple(targets)
