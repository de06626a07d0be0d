"""The alerts' settings: thresholds, channels, and secrets that are never in a file."""

from pathlib import Path

import pytest

from channels.webhook import Webhook
from config.channels import open_channels
from config.errors import ConfigurationError
from config.loading import load_settings
from config.settings import Settings
from domain.alert_rules import Percents, Thresholds

SECRET = "a-secret-of-the-webhook"
WEBHOOK = '[[alerts.webhooks]]\nname = "ops"\nurl = "https://hooks.example.com/x"\nsecret = "OPS_SECRET"\n'
MAIL = '[[alerts.mail]]\nname = "{name}"\nhost = "mail.example.com"\n'
MAIL += 'sender = "s@example.com"\nrecipients = ["a@example.com"]\n'


def load(folder: Path, text: str) -> Settings:
    """What this simline.toml says."""
    file = folder / "simline.toml"
    file.write_text(text)
    return load_settings(file, {})


def faults(folder: Path, text: str) -> str:
    """What is wrong with it."""
    with pytest.raises(ConfigurationError) as refused:
        open_channels(load(folder, text), {"OPS_SECRET": SECRET})
    return str(refused.value)


def test_without_a_section_the_thresholds_are_the_usual_ones(tmp_path: Path) -> None:
    assert load(tmp_path, "").alerts.thresholds() == Thresholds()


def test_a_product_may_have_percents_of_its_own(tmp_path: Path) -> None:
    text = "[alerts]\nproduct_percents = [80]\nstuck_after_minutes = 30\n"
    text += "[alerts.products.rover]\nsim_percents = [50, 200]\n"
    thresholds = load(tmp_path, text).alerts.thresholds()
    assert thresholds.percents == Percents((80,), (70, 90, 100))
    assert thresholds.of_product == {"rover": Percents((70, 90, 100), (50, 200))}
    assert thresholds.stuck_after_minutes == 30


def test_a_channel_has_its_secret_from_the_environment_alone(tmp_path: Path) -> None:
    loaded = load(tmp_path, WEBHOOK)
    (channel,) = open_channels(loaded, {"OPS_SECRET": SECRET})
    assert isinstance(channel, Webhook)
    assert (channel.secret, channel.allow_private) == (SECRET, False)
    assert SECRET not in repr(loaded) + repr(channel)
    with pytest.raises(ConfigurationError, match="OPS_SECRET"):
        open_channels(loaded, {})


def test_a_secrets_variable_may_begin_as_our_settings_do(tmp_path: Path) -> None:
    file = tmp_path / "simline.toml"
    file.write_text(WEBHOOK.replace("OPS_SECRET", "SIMLINE_OPS_SECRET"))
    assert load_settings(file, {"SIMLINE_OPS_SECRET": SECRET}).alerts.secret_names() == ["SIMLINE_OPS_SECRET"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (WEBHOOK.replace("https", "http"), "must start with https"),
        (WEBHOOK.replace('"OPS_SECRET"', '"the secret itself"'), "name of an environment variable"),
        (WEBHOOK + WEBHOOK, "alerts.webhooks[ops].name` stands there twice"),
        (WEBHOOK + MAIL.format(name="ops"), "is a webhook's name too"),
        (MAIL.format(name="a") + 'password = "X"\n', "username"),
        (MAIL.format(name="a") + 'encryption = "none"\n', "only for an SMTP server on this machine"),
        (MAIL.format(name="a") + "encrypted = true\n", "did you mean `encryption`"),
        ("[alerts]\nproduct_percents = [0]\n", "product_percents"),
        ("[alerts]\nstuck_after_minutes = 0\n", "stuck_after_minutes"),
    ],
)
def test_what_will_not_do_is_told_by_its_key(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in faults(tmp_path, text)
