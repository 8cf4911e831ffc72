"""The models that can answer: implementations of `bot.ports.Generator`.

`WorkerGenerator` runs a model on this machine in a process of its own (`bot.worker`). It formats
and tokenises in this process, sends token ids over a pipe and turns the ids that come back into
text. No module here imports a library that runs models.
"""

from bot.generation.options import LoadProgress, Patience, WorkerOptions
from bot.generation.worker_generator import WorkerGenerator

__all__ = ["LoadProgress", "Patience", "WorkerGenerator", "WorkerOptions"]
