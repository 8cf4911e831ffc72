"""Whether all that Parley needs is there, and what to do where it is not.

Each check is a small function that gives `Result`s. What only the model's own interpreter knows
(devices, libraries) is asked in a process of its own: this one imports no library that runs
models.
"""

from bot.checks import Result, State

__all__ = ["Result", "State"]
