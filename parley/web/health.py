"""/healthz, /readyz and /status.json: how Parley is, for supervisors and for `parley status`."""

import json
from dataclasses import asdict
from typing import Any

from aiohttp import web

from parley.web.access import numbers
from parley.web.live import Live
from parley.web.readiness import Check, readiness
from parley.web.state import STATE


def register(app: web.Application) -> None:
    """Add the handlers."""
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/status.json", status)


@numbers
async def alive(request: web.Request) -> web.Response:
    """200: the event loop turns. The lag is that of the last five minutes."""
    lag = request.app[STATE].live.lag
    return _json({"alive": True, "loop_lag_p99_seconds": round(lag.percentile(0.99), 6)})


@numbers
async def ready(request: web.Request) -> web.Response:
    """200 where every check is well, else 503; each check is named."""
    state = request.app[STATE]
    checks = await readiness(state.live, state.database)
    well = all(check.ok for check in checks)
    return _json({"ready": well, "checks": _by_name(checks)}, status=200 if well else 503)


@numbers
async def status(request: web.Request) -> web.Response:
    """What Parley is doing: numbers, the model, and the checks of /readyz."""
    state = request.app[STATE]
    checks = await readiness(state.live, state.database)
    return _json(
        {
            "checks": _by_name(checks),
            "now": _now(state.live),
            "since_start": asdict(state.live.recorder.now()),
            "loop_lag_p99_seconds": round(state.live.lag.percentile(0.99), 6),
        }
    )


def _by_name(checks: list[Check]) -> dict[str, dict[str, Any]]:
    return {check.name: {"ok": check.ok, "detail": check.detail} for check in checks}


def _now(live: Live) -> dict[str, Any] | None:
    """The engine's own state; None while the model is being loaded."""
    return asdict(live.parley.engine.status) if live.parley is not None else None


def _json(value: object, *, status: int = 200) -> web.Response:
    return web.json_response(text=json.dumps(value, ensure_ascii=False) + "\n", status=status)
