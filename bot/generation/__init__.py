"""The models that can answer: implementations of `bot.ports.Generator`.

`WorkerGenerator` runs a model on this machine in a process of its own (`bot.worker`). It applies
the chat format and tokenizes in this process, sends token ids over a pipe, and decodes the ids that
come back. No module here imports an inference library.

    worker_generator  `WorkerGenerator`
    options           its options, and the progress of loading
    run               one request for an answer, and what it cost
    codec             prompt to token ids, token ids to text, for each kind of model
    scripted_codec    the codec of the scripted backend
    answer_reader     thought and answer of one stream of ids, each within its length
    thinking          tells what a model thinks apart from its answer
    reasoning         how much a model is to think, as variables of its chat template
    supervisor        restarts a worker that died, with backoff
    worker_client     one worker process: requests, timeouts, its end
    answer_stream     the token ids of one answer, from the worker to its consumer
    process           starts the process; explains how it ended
    openai            models behind an OpenAI-compatible server
    models            one of several models on servers, started on demand
"""

from bot.generation.options import LoadProgress, Timeouts, WorkerOptions
from bot.generation.worker_generator import WorkerGenerator

__all__ = ["LoadProgress", "Timeouts", "WorkerGenerator", "WorkerOptions"]
