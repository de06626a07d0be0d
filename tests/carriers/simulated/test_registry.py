"""Simulated carriers by name, and started as a process of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from carriers import onence_words, particle, soracom_words, supersim, telnyx_words
from carriers.registry import CARRIERS
from carriers.simulated.admin import administer
from carriers.simulated.carrier import Options
from carriers.simulated.knobs import BadKnob, Knobs
from carriers.simulated.registry import SIMULATIONS, NotSimulated, open_simulated
from carriers.simulated.wire import Request, fields_of
from domain.lifecycle import SimState
from domain.pacing import Window


def test_every_carrier_can_be_simulated() -> None:
    assert SIMULATIONS.keys() == CARRIERS.keys()


@pytest.mark.parametrize("carrier", SIMULATIONS)
def test_every_simulated_carrier_opens_and_keeps_strangers_out(carrier: str) -> None:
    opened = open_simulated(carrier)
    stranger = Request("GET", "/v1/sims")
    assert opened.answer(stranger).status == opened.dialect.unauthorized().status == 401
    assert [entry.reason for entry in opened.log.entries()] == ["credentials"]
    opened.close()


def test_a_carrier_bars_sims_here_where_its_adapter_knows_a_word_for_it() -> None:
    words = {
        "1nce": onence_words.STATES,
        "particle": particle.STATES,
        "soracom": soracom_words.STATES,
        "supersim": supersim.STATES,
        "telnyx": telnyx_words.STATES,
    }
    known = {name: SimState.BARRED in states.values() for name, states in words.items()}  # type: ignore[attr-defined]
    assert {name: simulation.bars for name, simulation in SIMULATIONS.items()} == known


@pytest.mark.parametrize("carrier", ["telnyx", "particle"])
def test_a_sim_is_barred_through_the_loopback_door_and_stays_so_over_a_restart(carrier: str, tmp_path: Path) -> None:
    options = Options(state_file=tmp_path / "state.jsonl")
    for body in (b'{"sims": [{"iccid": "8901", "state": "barred", "plan": "DE"}]}', b"{}"):
        opened = open_simulated(carrier, options)
        told = administer(opened, "POST", "fleet", body)
        opened.close()
        assert fields_of(told.document)["counts"] == {"barred": 1}


def test_a_carrier_that_is_not_simulated_is_named_with_the_nearest() -> None:
    with pytest.raises(NotSimulated, match=r"no simulated carrier 'supersin'. Known: supersim\."):
        open_simulated("supersin")


def test_without_a_word_a_simulated_carrier_is_what_its_options_default_to() -> None:
    assert Knobs().options() == Options(limits=[])


def test_every_knob_reaches_its_option(tmp_path: Path) -> None:
    knobs = Knobs(
        open_registry=True,
        fleet=tmp_path / "fleet",
        state=tmp_path / "state",
        log=tmp_path / "log",
        limit=["10/1", "600/60"],
        no_retry_after=True,
        activation_seconds=2.0,
        jitter_seconds=3.0,
        token_seconds=4.0,
        webhook="http://127.0.0.1:9/",
        seed=5,
        faults='{"first": 6}',
    )
    options, usual = knobs.options(), Options()
    assert list(options.limits) == [Window(10, 1.0), Window(600, 60.0)]
    assert options.faults.first == 6
    unmoved = {name for name in Options.__slots__ if getattr(options, name) == getattr(usual, name)}
    assert unmoved == {"credentials"}


@pytest.mark.parametrize("knobs", [Knobs(limit=["0/1"]), Knobs(limit=["1/inf"]), Knobs(faults="[]")])
def test_a_knob_that_makes_no_sense_is_refused(knobs: Knobs) -> None:
    with pytest.raises(BadKnob):
        knobs.options()


@pytest.mark.parametrize(
    ("words", "sentence"), [(["supersin"], "Known: supersim."), (["supersim", "--limit", "x"], "10/1")]
)
def test_a_process_that_cannot_start_says_why(words: list[str], sentence: str) -> None:
    command = [sys.executable, "-m", "carriers.simulated", *words]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert said.returncode == 2
    assert sentence in said.stderr
    assert "Traceback" not in said.stderr
