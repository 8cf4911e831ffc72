"""The scheduled task of `parley run` on Windows, as XML.

The schema: https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema.
The elements of a trigger are a sequence, those of a task, its settings and a principal may come in
any order.
"""

import subprocess
from xml.etree import ElementTree as ET

from parley.service.plan import Plan

NAME = "Parley"
NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
AGAIN = "PT5M"
"""The task is started this often while the user is logged in; it ignores that while it runs. (The
Task Scheduler's own restarts are for tasks that could not be started: it does not count an exit
code as a failure.)"""
_PRINCIPAL = "Author"

_SETTINGS = {
    "MultipleInstancesPolicy": "IgnoreNew",
    "DisallowStartIfOnBatteries": "false",
    "StopIfGoingOnBatteries": "false",
    "AllowHardTerminate": "true",
    "StartWhenAvailable": "true",
    "ExecutionTimeLimit": "PT0S",  # no limit
    "Priority": "7",  # below normal, as for all background tasks
}


def task_xml(plan: Plan) -> bytes:
    """The task's XML in UTF-16 with a byte order mark, as ``schtasks /create /xml`` wants it: at
    logon of the account and again after it ended, with the account's own rights, no time limit and
    no window."""
    ET.register_namespace("", NAMESPACE)
    task = ET.Element(f"{{{NAMESPACE}}}Task", version="1.2")
    _add(task, "RegistrationInfo", Description="Parley, a chatbot with a local language model")
    _add_trigger(_add(task, "Triggers"), plan)
    principal = _add(_add(task, "Principals"), "Principal", id_=_PRINCIPAL)
    _fill(principal, UserId=plan.account.name, LogonType="InteractiveToken")
    _fill(principal, RunLevel="LeastPrivilege")
    settings = _add(task, "Settings", **_SETTINGS)
    _add(settings, "RestartOnFailure", Interval="PT1M", Count="255")
    actions = _add(task, "Actions")
    actions.set("Context", _PRINCIPAL)
    program, *arguments = plan.program
    execute = _add(actions, "Exec", Command=program, Arguments=subprocess.list2cmdline(arguments))
    _fill(execute, WorkingDirectory=str(plan.account.home))
    document: bytes = ET.tostring(task, encoding="utf-16", xml_declaration=True)
    return document


def _add_trigger(triggers: ET.Element, plan: Plan) -> None:
    trigger = _add(triggers, "LogonTrigger", Enabled="true")
    _add(trigger, "Repetition", Interval=AGAIN, StopAtDurationEnd="false")
    _fill(trigger, UserId=plan.account.name, Delay="PT30S")


def _add(parent: ET.Element, name: str, id_: str = "", **texts: str) -> ET.Element:
    """A new child of `parent` with children that hold `texts`."""
    child = ET.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if id_:
        child.set("id", id_)
    _fill(child, **texts)
    return child


def _fill(parent: ET.Element, **texts: str) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, f"{{{NAMESPACE}}}{name}").text = text
