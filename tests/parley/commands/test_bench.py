"""`parley bench`."""

import getpass
import json
import signal
import socket

import pytest

from tests.parley.parley_program import Program

pytestmark = pytest.mark.process


def test_the_json_is_made_to_be_shared(program: Program) -> None:
    program.settings["PARLEY_MODEL__SCRIPTED__TOKENS_PER_SECOND"] = "10000"
    result = program.run("bench", "--quick", "--rounds", "1", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["parley"]
    assert report["model"]["backend"] == "scripted"
    assert report["delivered_over_engine"] > 0
    assert report["delivered_over_engine_8"] > 0
    assert set(report["missing"]) == {"generate", "continuous", "ipex-llm", "llama.cpp"}
    assert set(report["missing"].values()) == {"--quick measures no other programs"}
    for private in (str(program.folder), socket.gethostname(), f'"{getpass.getuser()}"'):
        assert private not in result.stdout
    assert not program.database.exists()


def test_the_table_names_both(program: Program) -> None:
    program.settings["PARLEY_MODEL__SCRIPTED__TOKENS_PER_SECOND"] = "10000"
    result = program.run("bench", "--quick", "--rounds", "1")
    assert result.returncode == 0, result.stderr
    assert "the engine alone" in result.stdout
    assert "eight at once" in result.stdout
    left_out = "--quick measures no other programs (transformers, ipex-llm, llama.cpp)."
    assert left_out in result.stdout.splitlines()
    assert "Not measured" not in result.stdout


def test_ctrl_c_ends_it_with_a_line(program: Program) -> None:
    with program.in_terminal("bench", "--quick") as bench:
        bench.wait_for_written("1 at once")
        bench.signal(signal.SIGINT)
        assert bench.ended() == 130
        assert "parley: Stopped before all was measured: there is no report." in bench.terminal.text
        assert "Traceback" not in bench.terminal.text


@pytest.mark.parametrize("rounds", ["0", "101"])
def test_rounds_out_of_range_are_told_the_range(program: Program, rounds: str) -> None:
    result = program.run("bench", "--quick", "--rounds", rounds)
    assert result.returncode == 2
    assert f"{rounds} is not a number from 1 to 100" in result.stderr


def test_a_model_that_is_not_there_is_one_line(program: Program) -> None:
    program.settings["PARLEY_MODEL__BACKEND"] = "auto"
    result = program.run("bench", "--quick", "--model", "nobody/nothing")
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "nobody/nothing" in result.stderr.strip().splitlines()[-1]
