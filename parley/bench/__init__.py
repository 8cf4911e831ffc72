"""`parley bench`: how fast answers arrive, beside the same model without Parley.

- `delivered`: asks the engine, over an in-memory surface, and measures from the question to the
  last edit.
- `alone`: the processes that generate without Parley (`bot.worker.alone`).
- `comparison`: takes turns between them, on the same prompts.
- `machine`: which computer it is.
- `report`: the table, and the JSON object.
"""
