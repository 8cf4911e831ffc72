"""The service on Windows: a task of the Task Scheduler that starts when its user logs in.

A task has no terminal and no journal, so `parley run` writes its log to a file there.
"""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.errors import ConfigError
from parley.service.manager import ServiceState
from parley.service.plan import Plan
from parley.service.programs import require, run
from parley.service.scheduled_task import NAME, task_xml

_STATES = {0: "unknown", 1: "disabled", 2: "queued", 3: "ready", 4: "running"}
"""https://learn.microsoft.com/windows/win32/api/taskschd/ne-taskschd-task_state"""
_RUNNING = 4
_NO_EXIT_CODE = (0x41300, 0x41301, 0x41302, 0x41303)
"""Ready, running, disabled, has not yet run:
https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-error-and-success-constants"""

# Objects instead of schtasks' texts, which are in the language of the system.
_QUERY = (
    f"$task = Get-ScheduledTask -TaskName '{NAME}' -ErrorAction SilentlyContinue; "
    "if ($task) { $info = $task | Get-ScheduledTaskInfo; "
    "@{ state = [int]$task.State; result = [long]$info.LastTaskResult; "
    "since = if ($info.LastRunTime) { $info.LastRunTime.ToString('s') } else { '' } } "
    "| ConvertTo-Json -Compress } else { '{}' }"
)


class ScheduledTask:
    """The task ``Parley``; see `ServiceManager`."""

    def __init__(self, log_file: Path) -> None:
        """`log_file`: where `parley run` writes its log."""
        self._log_file = log_file

    @property
    def name(self) -> str:
        return f"scheduled task “{NAME}”"

    @property
    def log(self) -> str:
        return str(self._log_file)

    async def install(self, plan: Plan) -> list[str]:
        xml = task_xml(self._logged(plan))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "task.xml"
            file.write_bytes(xml)
            # /f replaces a task of the same name; a task that cannot be replaced stays as it is.
            await require("schtasks", "/create", "/tn", NAME, "/xml", str(file), "/f")
        await require("schtasks", "/run", "/tn", NAME)
        left_out = sorted(set(plan.environment) - {"PYTHONUNBUFFERED", "PYTHONFAULTHANDLER"})
        user = f"It runs while {plan.account.name} is logged in, also behind a locked screen."
        if not left_out:
            return [user]
        return [
            user,
            f"A task sees the user's variables only, set with setx: {', '.join(left_out)}.",
        ]

    async def state(self) -> ServiceState:
        shown = await require("powershell", "-NoProfile", "-NonInteractive", "-Command", _QUERY)
        try:
            facts: dict[str, Any] = json.loads(shown)
        except ValueError as exc:
            raise ConfigError(f"PowerShell answers {shown.strip()[:80]!r}, not JSON.") from exc
        if not facts:
            return ServiceState(installed=False)
        number, result = facts.get("state", 0), facts.get("result", 0)
        return ServiceState(
            installed=True,
            running=number == _RUNNING,
            state=_STATES.get(number, "unknown"),
            since=facts.get("since", ""),
            last_exit="" if result in _NO_EXIT_CODE else f"exit code {result}",
            at_start=_STATES.get(number) != "disabled",
        )

    async def remove(self) -> None:
        await run("schtasks", "/end", "/tn", NAME)  # fails where it does not run
        await require("schtasks", "/delete", "/tn", NAME, "/f")

    def show_log(self, *, follow: bool, lines: int) -> tuple[str, ...]:
        file = str(self._log_file).replace("'", "''")
        wait = " -Wait" if follow else ""
        read = f"Get-Content -LiteralPath '{file}' -Encoding utf8 -Tail {lines}{wait}"
        return ("powershell", "-NoProfile", "-Command", read)

    def _logged(self, plan: Plan) -> Plan:
        """The same with the interpreter that opens no window, and a log file."""
        python, *arguments = plan.program
        windowless = Path(python).with_name("pythonw.exe")
        program = str(windowless) if windowless.exists() else python
        return replace(plan, program=(program, *arguments, "--log-file", str(self._log_file)))
