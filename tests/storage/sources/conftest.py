"""S3 servers on loopback, started once per session on ports that the kernel chooses."""

import itertools
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto.moto_server.utilities import RegexConverter
from moto.server import ThreadedMotoServer

ACCESS_KEY = "seeded-access-key"
SECRET_KEY = "seeded-secret-key"


@pytest.fixture(scope="session")
def aws_environment() -> Iterator[None]:
    """The credentials that boto3 finds: none of this machine's, and no file of its user."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


class AnyCharacter(RegexConverter):  # type: ignore[misc]
    """Moto's routes end at a newline; keys do not."""

    def __init__(self, url_map: object, *items: str) -> None:
        super().__init__(url_map, *items)
        self.regex: str = f"(?s:{self.regex})"


@pytest.fixture(scope="session")
def moto_address(aws_environment: None) -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.moto_server.werkzeug_app.RegexConverter", AnyCharacter)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture(scope="session")
def rclone_address(aws_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("rclone")
    keys = f"{ACCESS_KEY},{SECRET_KEY}"
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", str(folder), "--addr", "127.0.0.1:0"]
    options = ["--auth-key", keys, "--config", os.devnull]
    log = tmp_path_factory.mktemp("rclone-log") / "log"
    with log.open("w") as told, subprocess.Popen([*command, *options], stderr=told) as server:
        try:
            while not (found := re.search(r"http://[\d.]+:\d+", log.read_text())):
                assert server.poll() is None, log.read_text()
                time.sleep(0.02)
            yield found[0]
        finally:
            server.kill()


@pytest.fixture(scope="session")
def new_bucket() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"sims-{next(numbers)}"
