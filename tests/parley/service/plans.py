"""A plan for tests."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from parley.service.plan import Account, Plan

PLAN = Plan(
    account=Account("ana", Path("/home/ana"), 1000, 1000, frozenset({1000})),
    program=("/opt/parley/bin/python", "-P", "-m", "parley", "run", "--config", "/etc/parley.toml"),
    config=Path("/etc/parley.toml"),
    environment={"PYTHONUNBUFFERED": "1"},
    writable=(Path("/var/lib/parley"),),
    in_home=False,
    notes=(),
)


def plan(**changes: Any) -> Plan:
    """A plan with these changes."""
    return replace(PLAN, **changes)
