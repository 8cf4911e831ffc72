"""`parley doctor` on installations that work and on broken ones."""

import asyncio
import json
import signal
import subprocess
import sys

import pytest

from tests.fake_gpu import interpreter_with_gpu
from tests.parley.parley_program import MAIN, Program
from tests.until import until

Lines = dict[str, dict[str, str]]


def examined(program: Program) -> tuple[int, Lines]:
    """The exit code, and the checks by what was checked."""
    result = program.run("doctor", "--json")
    assert result.stderr == ""
    return result.returncode, {line["what"]: line for line in json.loads(result.stdout)}


@pytest.fixture
def program(program: Program) -> Program:
    program.settings["PARLEY_MODEL__BACKEND"] = "openvino"
    program.settings["PARLEY_MODEL__DEVICE"] = "cpu"
    return program


def test_a_set_up_that_works_ends_with_zero(program: Program) -> None:
    code, lines = examined(program)
    assert code == 0
    assert lines["demo"]["state"] == "ok"
    assert lines["context of 2048 tokens"]["state"] == "ok"
    assert lines["openvino"]["state"] == "ok"
    assert {lines["token"]["state"], lines["tokens"]["state"]} == {"skipped"}
    assert not program.database.exists(), "looking makes nothing"


BROKEN = {
    "a wrong setting": ({"PARLEY_MODEL__DEVICE": "tpu"}, "file"),
    "no such GPU": ({"PARLEY_MODEL__DEVICE": "gpu.9"}, "[model] device = gpu.9"),
    "a model that is not there": ({"PARLEY_MODEL__NAME": "org/never"}, "org/never"),
    "a context that is too long": ({"PARLEY_MODEL__CONTEXT": "4096"}, "context of 4096 tokens"),
    "an interpreter that is not there": ({"PARLEY_MODEL__PYTHON": "/no/python"}, "openvino"),
    "an interpreter that cannot choose": (
        {"PARLEY_MODEL__BACKEND": "auto", "PARLEY_MODEL__PYTHON": "/no/python"},
        "[model] backend = auto",
    ),
    "weights that the device has not": ({"PARLEY_MODEL__LOW_BIT": "nf4"}, "weights of nf4"),
    "a database that cannot be": ({"PARLEY_STORAGE__URL": "sqlite:////proc/p"}, "storage"),
    "a server that is not there": (
        {
            "PARLEY_MODEL__BACKEND": "openai",
            "PARLEY_MODEL__OPENAI__BASE_URLS": "http://127.0.0.1:9/v1",
        },
        "http://127.0.0.1:9/v1",
    ),
    "no server at all": ({"PARLEY_MODEL__BACKEND": "openai"}, "openai"),
    "Discord out of reach": (
        {"PARLEY_DISCORD__TOKEN": "secret-token", "PARLEY_DISCORD__API_URL": "http://127.0.0.1:9"},
        "connection",
    ),
    "Slack out of reach": (
        {"PARLEY_SLACK__BOT_TOKEN": "xoxb-secret", "PARLEY_SLACK__BASE_URL": "http://127.0.0.1:9/"},
        "bot_token",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_broken_fails_with_its_remedy(program: Program, fault: str) -> None:
    settings, what = BROKEN[fault]
    program.settings |= settings
    code, lines = examined(program)
    assert code == 1
    assert lines[what]["state"] == "failed", lines
    assert lines[what]["remedy"]
    assert "secret" not in json.dumps(lines)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize(("ipex", "taken"), [(False, "torch"), (True, "ipex")])
def test_what_auto_takes_is_what_is_examined(program: Program, ipex: bool, taken: str) -> None:
    python = interpreter_with_gpu(program.folder / "gpu", ipex=ipex)
    place = {"BACKEND": "auto", "DEVICE": "auto", "LOW_BIT": "nf4", "PYTHON": python}
    program.settings |= {f"PARLEY_MODEL__{key}": value for key, value in place.items()}
    code, lines = examined(program)
    assert lines["[model] backend = auto"]["detail"].startswith(f"uses {taken}: ")
    assert lines[taken]["detail"].endswith(", chosen")
    assert lines["openvino"]["detail"].endswith(")")
    assert lines["[model] device = auto"]["detail"] == "xpu:0 (Intel Arc B580)"
    if ipex:
        assert "of 12.0 GB on xpu:0; an answer" in lines["context of 2048 tokens"]["detail"]
        assert code == 0
    else:  # torch has no nf4
        assert lines["weights of nf4"]["state"] == "failed"
        assert code == 1


def test_the_demo_model_is_examined_where_it_runs(program: Program) -> None:
    program.settings |= {"PARLEY_MODEL__BACKEND": "auto", "PARLEY_MODEL__DEVICE": "auto"}
    code, lines = examined(program)
    assert code == 0
    assert lines["[model] backend = auto"]["detail"].startswith("uses openvino: the demo model")
    assert lines["[model] device = auto"]["detail"].startswith("CPU")


def test_the_table_has_signs_and_remedies(program: Program) -> None:
    program.settings["PARLEY_MODEL__NAME"] = "org/never"
    result = program.run("doctor")
    assert result.returncode == 1
    assert "✓  Python" in result.stdout
    assert "✗" in result.stdout
    assert "→ Download it with: parley model" in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_results_appear_as_they_come_and_a_pipe_gets_nothing_else(program: Program) -> None:
    script = program.folder / "slow"
    script.write_text(f"#!/bin/sh\nwhile [ ! -e {program.folder}/go ]; do sleep 0.05; done\n")
    script.chmod(0o755)
    program.settings["PARLEY_MODEL__PYTHON"] = str(script)
    with subprocess.Popen(
        [*MAIN, "doctor"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=program.environment,
        cwd=program.folder,
    ) as process:
        assert process.stdout is not None
        first = next(line for line in process.stdout if "Settings" in line)
        assert "valid" in first, "printed while a backend is still being probed"
        (program.folder / "go").touch()
        said, errors = process.communicate(timeout=60)
    assert errors == ""
    assert "Database" in said


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal")
def test_a_terminal_shows_which_check_is_running(program: Program) -> None:
    script = program.folder / "slow"
    script.write_text(f"#!/bin/sh\nwhile [ ! -e {program.folder}/go ]; do sleep 0.05; done\n")
    script.chmod(0o755)
    program.settings["PARLEY_MODEL__PYTHON"] = str(script)
    with program.in_terminal("doctor") as terminal:
        terminal.wait_for("Searching the devices of openvino")
        (program.folder / "go").touch()
        terminal.wait_for("Database")


def test_the_self_test_compares_and_measures(program: Program) -> None:
    result = program.run("doctor", "--selftest")
    assert (result.returncode, result.stderr) == (0, ""), result
    assert "self-test ✓" in result.stdout
    assert "tokens/s" in result.stdout
    assert str(program.folder) not in result.stdout, "the report names no path"
    found = json.loads(program.run("doctor", "--selftest", "--json").stdout)
    assert found["passed"] is True
    assert found["same_tokens"] > 0.9 * found["tokens"] > 10
    assert found["positions"] > found["tokens"]


def test_the_self_test_needs_a_model_on_this_machine(program: Program) -> None:
    program.settings["PARLEY_MODEL__BACKEND"] = "scripted"
    result = program.run("doctor", "--selftest")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals are Unix's")
async def test_ctrl_c_ends_it_without_a_traceback(program: Program) -> None:
    python = program.folder / "python"
    python.write_text(f"#!/bin/sh\ntouch {program.folder}/started\nexec sleep 600\n")
    python.chmod(0o755)
    program.settings["PARLEY_MODEL__PYTHON"] = str(python)
    process = await asyncio.create_subprocess_exec(
        *MAIN,
        "doctor",
        env=program.environment,
        cwd=program.folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    await until((program.folder / "started").exists)
    process.send_signal(signal.SIGINT)
    out, errors = await process.communicate()
    assert (process.returncode, errors) == (130, b"")
    assert b"Python" in out
    assert b"Database" not in out, "results are printed as they come"
