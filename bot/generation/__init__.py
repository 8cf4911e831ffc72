"""The models that can answer: implementations of `bot.ports.Generator`.

`WorkerGenerator` runs a model on this machine in a process of its own (`bot.worker`). It applies
the chat format and tokenizes in this process, sends token ids over a pipe, and decodes the ids that
come back. No module here imports an inference library.

    worker_generator  `WorkerGenerator`
    options           its options, and the progress of loading
    codec             prompt to token ids, token ids to text, for each kind of model
    supervisor        restarts a worker that died, with backoff
    worker_client     one worker process: requests, timeouts, its end
    answer_stream     the token ids of one answer, from the worker to its consumer
    process           starts the process; explains how it ended
    openai            models behind an OpenAI-compatible server
"""

from bot.generation.options import LoadProgress, Timeouts, WorkerOptions
from bot.generation.worker_generator import WorkerGenerator

__all__ = ["LoadProgress", "Timeouts", "WorkerGenerator", "WorkerOptions"]
