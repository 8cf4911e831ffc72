"""The task's XML follows Microsoft's schema."""

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

from parley.service.plan import Account
from parley.service.scheduled_task import NAMESPACE, task_xml
from tests.parley.service.plans import plan

WINDOWS = plan(
    account=Account("PC\\Ana & Bo", Path("C:/Users/ana")),
    program=("C:\\Program Files\\py\\pythonw.exe", "-m", "parley", "--config", "C:\\a b\\<1>.toml"),
)

ALLOWED = {
    "Task": {"RegistrationInfo", "Triggers", "Settings", "Data", "Principals", "Actions"},
    "RegistrationInfo": {"URI", "SecurityDescriptor", "Source", "Date", "Author", "Version",
                         "Description", "Documentation"},
    "Principal": {"UserId", "LogonType", "GroupId", "DisplayName", "RunLevel"},
    "Settings": {
        "AllowStartOnDemand", "RestartOnFailure", "MultipleInstancesPolicy",
        "DisallowStartIfOnBatteries", "StopIfGoingOnBatteries", "AllowHardTerminate",
        "StartWhenAvailable", "NetworkProfileName", "RunOnlyIfNetworkAvailable", "WakeToRun",
        "Enabled", "Hidden", "DeleteExpiredTaskAfter", "IdleSettings", "NetworkSettings",
        "ExecutionTimeLimit", "Priority", "RunOnlyIfIdle",
    },
    "RestartOnFailure": {"Interval", "Count"},
    "Repetition": {"Interval", "Duration", "StopAtDurationEnd"},
}  # fmt: skip
"""Elements that may come in any order, each once:
https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema"""
ORDERED = {
    "LogonTrigger": ["Enabled", "StartBoundary", "EndBoundary", "Repetition", "ExecutionTimeLimit",
                     "UserId", "Delay"],
    "Exec": ["Command", "Arguments", "WorkingDirectory"],
}  # fmt: skip
"""Elements that are a sequence there."""


def parsed() -> ET.Element:
    return ET.fromstring(task_xml(WINDOWS))


def name(element: ET.Element) -> str:
    namespace, _, local = element.tag[1:].partition("}")
    assert namespace == NAMESPACE
    return local


def text(path: str) -> str | None:
    steps = "/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/"))
    return parsed().findtext(steps)


def test_it_is_utf_16_as_schtasks_wants_it() -> None:
    document = task_xml(WINDOWS)
    assert document[:2] in (b"\xff\xfe", b"\xfe\xff")
    assert document.decode("utf-16").lower().startswith("<?xml version='1.0' encoding='utf-16'?>")


def test_every_element_is_where_the_schema_has_it() -> None:
    task = parsed()
    assert (name(task), task.get("version")) == ("Task", "1.2")
    for element in task.iter():
        children = [name(child) for child in element]
        if name(element) in ALLOWED:
            assert set(children) <= ALLOWED[name(element)]
            assert len(children) == len(set(children))
        if name(element) in ORDERED:
            places = [ORDERED[name(element)].index(child) for child in children]
            assert all(before < after for before, after in pairwise(places))


def test_the_actions_run_as_the_one_principal() -> None:
    (principal,) = parsed().iter(f"{{{NAMESPACE}}}Principal")
    (actions,) = parsed().iter(f"{{{NAMESPACE}}}Actions")
    assert principal.get("id") == actions.get("Context")
    assert text("Principals/Principal/UserId") == "PC\\Ana & Bo"
    assert text("Principals/Principal/RunLevel") == "LeastPrivilege"


def test_it_starts_at_logon_and_again_and_has_no_limit() -> None:
    assert text("Triggers/LogonTrigger/UserId") == "PC\\Ana & Bo"
    assert text("Triggers/LogonTrigger/Repetition/Interval") == "PT5M"
    assert text("Settings/MultipleInstancesPolicy") == "IgnoreNew"
    assert text("Settings/ExecutionTimeLimit") == "PT0S"
    assert text("Settings/DisallowStartIfOnBatteries") == "false"
    assert text("Settings/RestartOnFailure/Interval") == "PT1M"


def test_paths_are_quoted_as_windows_wants_it() -> None:
    assert text("Actions/Exec/Command") == "C:\\Program Files\\py\\pythonw.exe"
    assert text("Actions/Exec/Arguments") == '-m parley --config "C:\\a b\\<1>.toml"'
