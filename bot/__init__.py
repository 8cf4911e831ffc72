"""The core of Parley: what happens to a question between the platform and the model.

A question enters at `bot.engine.Engine.ask`, is answered by a `bot.ports.Generator`
and shown through `bot.delivery`. The core knows no platform and no SQL; `docs/architecture.md`
has the map.
"""
