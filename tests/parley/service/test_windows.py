"""The scheduled task, with stand-ins for Windows' programs."""

import json
from pathlib import Path

import pytest

from bot.errors import ConfigError
from parley.service.windows import ScheduledTask
from tests.parley.service.fake_programs import FakePrograms, posix_only
from tests.parley.service.plans import plan

pytestmark = [pytest.mark.process, posix_only]

TASK = ScheduledTask(Path("/logs/it's/run.log"))


async def test_it_is_created_from_xml_and_started(programs: FakePrograms) -> None:
    notes = await TASK.install(plan(environment={"PYTHONUNBUFFERED": "1", "HF_HOME": "/m"}))
    create, start = programs.calls
    assert create.startswith("schtasks|/create|/tn|Parley|/xml|")
    assert create.endswith("task.xml|/f")
    assert start == "schtasks|/run|/tn|Parley"
    assert notes[0] == "It runs while ana is logged in, also behind a locked screen."
    assert notes[1].endswith("set with setx: HF_HOME.")
    assert not Path(create.split("|")[5]).exists()


async def test_a_refusal_is_one_line(programs: FakePrograms) -> None:
    programs.fails("schtasks", "/create", "ERROR: Access is denied.")
    with pytest.raises(ConfigError, match=r"failed: ERROR: Access is denied\.$"):
        await TASK.install(plan())
    assert len(programs.calls) == 1


def test_it_logs_to_the_file_and_opens_no_window(tmp_path: Path) -> None:
    (tmp_path / "pythonw.exe").touch()
    logged = TASK._logged(plan(program=(str(tmp_path / "python.exe"), "-m", "parley")))
    assert logged.program[0] == str(tmp_path / "pythonw.exe")
    assert logged.program[1:] == ("-m", "parley", "--log-file", str(Path("/logs/it's/run.log")))


@pytest.mark.parametrize(
    ("state", "result", "running", "said", "last_exit"),
    [
        (4, 0x41301, True, "running", ""),
        (3, 1, False, "ready", "exit code 1"),
        (3, 0x41303, False, "ready", ""),
        (1, 0, False, "disabled", "exit code 0"),
    ],
)
async def test_the_state_is_what_powershell_says(
    programs: FakePrograms, state: int, result: int, running: bool, said: str, last_exit: str
) -> None:
    facts = {"state": state, "result": result, "since": "2026-11-27T20:00:00"}
    programs.prints("powershell", json.dumps(facts))
    found = await TASK.state()
    assert found.installed
    assert (found.running, found.state, found.last_exit) == (running, said, last_exit)
    assert (found.since, found.at_start) == ("2026-11-27T20:00:00", state != 1)


async def test_where_there_is_no_task_it_is_not_installed(programs: FakePrograms) -> None:
    programs.prints("powershell", "{}\n")
    assert not (await TASK.state()).installed
    programs.prints("powershell", "Get-ScheduledTask : is not recognized\n")
    with pytest.raises(ConfigError, match="not JSON"):
        await TASK.state()


async def test_removing_ends_and_deletes_it(programs: FakePrograms) -> None:
    programs.fails("schtasks", "/end", "ERROR: The task is not running.")
    await TASK.remove()
    assert programs.calls == ["schtasks|/end|/tn|Parley", "schtasks|/delete|/tn|Parley|/f"]


def test_the_log_is_the_file() -> None:
    assert TASK.log == str(Path("/logs/it's/run.log"))
    command = TASK.show_log(follow=True, lines=7)[-1]
    assert "'/logs/it''s/run.log'" in command.replace("\\", "/")
    assert command.endswith("-Tail 7 -Wait")
