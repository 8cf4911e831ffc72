"""What has to work for questions to be answered: platforms, model, database."""

from dataclasses import dataclass

from parley.web.database import DatabaseWatch
from parley.web.live import Live
from parley.web.measurements import Measurements, ModelState

FAILURES = 3
"""Answers that fail in a row, after which the model does not count as answering."""


@dataclass(frozen=True, slots=True)
class Check:
    """Whether one part works."""

    name: str
    ok: bool
    detail: str = ""
    """What is wrong, in a few words; "" where nothing is."""


async def readiness(live: Live, database: DatabaseWatch) -> list[Check]:
    """The checks, in the order of their importance to people. Raises nothing."""
    now = live.recorder.now()
    platforms = [
        Check(name, up, "" if up else "not connected") for name, up in now.connected.items()
    ]
    return [*platforms, _model(live, now), await _database(live, database)]


def _model(live: Live, now: Measurements) -> Check:
    if live.parley is None:
        detail = "it is being loaded"
    elif now.model_state is ModelState.RESTARTING:
        detail = "its process is being started again"
    elif now.model_state is ModelState.GIVEN_UP:
        detail = "its process ended several times; the log says why"
    elif now.model_state is ModelState.UNREACHABLE:
        detail = "none of its servers answers"
    elif now.failures >= FAILURES:
        detail = f"the last {now.failures} answers failed; the log says why"
    else:
        detail = ""
    return Check("model", not detail, detail)


async def _database(live: Live, watch: DatabaseWatch) -> Check:
    if live.parley is None:
        return Check("database", False, "it is being opened")
    state = await watch.look(live.parley.store)
    return Check("database", state.writable, state.detail)
