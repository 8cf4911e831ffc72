"""Chaos: seeded schedules of questions, edits, presses, faults and restarts, and what must hold.

- `faults`: what goes wrong at which call, drawn by seed and identity of the call.
- `life`: one run of Parley that can be shut down or killed at any call.
- `model`, `store`: a generator and a store with faults.
- `simulated`, `discord_world`, `slack_world`: the platforms in memory, below the real adapters.
- `people`: the schedule of what people do.
- `inprocess`: runs one seed; `invariants`: what must hold once things are quiet.
- `processes`: `parley run` as processes against the loopback platforms, with kill -9.
- `soak`: mixed traffic for an hour of virtual time, or minutes of real time.

``python -m tests.chaos SEED --platform discord`` replays a seed. docs/reliability.md has results.
"""
