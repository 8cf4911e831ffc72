"""Generates as fast as a library alone can, without Parley around it: what `parley bench` compares
Parley with.

A command, run in a model's interpreter, that talks in lines of JSON:

    python …/bot/worker/__main__.py alone

The first line on stdin says what to load: ``way``, one of `WAYS`, and ``load``, the fields of
`bot.worker.protocol.LoadOptions`. Each further line is one measurement: ``prompts``, lists of token
ids that are sent at once; ``stop``, the ids that end an answer; ``tokens``, the longest answer.

Lines on stdout that begin with `MARK` are the answers, one for each line on stdin:

    ready     what was loaded, for people
    seconds   from the first request to the last token of all answers
    first     for each prompt, the seconds to its first token; empty where the way cannot tell
    tokens    how many tokens were generated, in all
    error     why this way does not work here; "" where it does, and then the rest is there
"""

import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from bot.worker.backends import Backend
from bot.worker.exception_text import one_line
from bot.worker.process import load
from bot.worker.protocol import LoadError, LoadOptions, Request, cut_at_stop

MARK = "@alone "
"""Begins an answer; libraries print other lines."""

WAYS = ("engine", "generate", "continuous")
"""``engine``: the library of the backend; for OpenVINO its pipeline alone. ``generate``: Hugging
Face's transformers as in tutorials, ``generate`` in a thread with a ``TextIteratorStreamer``, one
prompt after the other. ``continuous``: transformers' continuous batching."""


class Way(Protocol):
    """One way to generate."""

    title: str
    """What was loaded, for people."""

    def run(self, prompts: "list[list[int]]", stop: "list[int]", tokens: int) -> "dict[str, Any]":
        """Generate greedily for all prompts at once: ``seconds``, ``first`` and ``tokens``, as the
        module's docstring has them."""
        ...


def run() -> int:
    """The command ``alone``. Returns its exit code. Must be called from the main thread: it changes
    a signal's handler."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the program that started this one
    asked = json.loads(sys.stdin.readline())
    try:
        way = open_way(asked["way"], LoadOptions(**asked["load"]))
    except Exception as exc:
        # Any error of a library is a result to report.
        say({"error": str(exc) if isinstance(exc, LoadError) else one_line(exc)})
        return 0
    say({"ready": way.title, "error": ""})
    for line in sys.stdin:
        try:
            say(way.run(**json.loads(line)) | {"error": ""})
        except Exception as exc:
            say({"error": one_line(exc)})
    return 0


def say(answer: "dict[str, Any]") -> None:
    """Print one answer."""
    sys.stdout.write(f"\n{MARK}{json.dumps(answer)}\n")
    sys.stdout.flush()


def open_way(way: str, options: LoadOptions) -> Way:
    """Load the model for one of `WAYS`. Raises LoadError, and whatever a library raises."""
    if way == "generate":
        return Generate(options)
    if way == "continuous":
        return Continuous(options)
    if way != "engine":
        raise LoadError(f'there is no way "{way}" to generate')
    backend, facts = load(options, lambda _: None)
    title = f"{facts.backend} on {facts.device}, {facts.low_bit}"
    if facts.backend == "openvino":
        return GenAi(backend, title)
    return Steps(backend, title)


class Steps:
    """A backend's own steps, without the pipe, the tokenizer and the messages around them."""

    def __init__(self, backend: Backend, title: str) -> None:
        self.title = title
        self._backend = backend

    def run(self, prompts: "list[list[int]]", stop: "list[int]", tokens: int) -> "dict[str, Any]":
        begun, first = time.perf_counter(), dict.fromkeys(range(1, len(prompts) + 1), 0.0)
        open_, count = len(prompts), 0
        for number, prompt in enumerate(prompts, 1):
            self._backend.add(Request(number, prompt, stop, tokens))
        while open_:
            step = self._backend.step()
            now = time.perf_counter() - begun
            for key, ids in step.tokens:
                first[key] = first[key] or now
                count += len(ids)
            open_ -= len(step.ended)
            for ended in step.ended:
                if ended.reason == "error":
                    raise RuntimeError(ended.message)
            if step.pause:
                time.sleep(step.pause)
        seconds = time.perf_counter() - begun
        return {"seconds": seconds, "first": list(first.values()), "tokens": count}


class GenAi:
    """The backend's pipeline of OpenVINO GenAI, driven by nothing but its own loop."""

    def __init__(self, backend: Any, title: str) -> None:
        self.title = title
        self._backend = backend

    def run(self, prompts: "list[list[int]]", stop: "list[int]", tokens: int) -> "dict[str, Any]":
        pipeline = self._backend.pipeline
        begun, first = time.perf_counter(), [0.0] * len(prompts)
        handles = [
            pipeline.add_request(*self._backend.arguments(Request(number, prompt, stop, tokens)))
            for number, prompt in enumerate(prompts, 1)
        ]
        ids: list[list[int]] = [[] for _ in prompts]
        while pipeline.has_non_finished_requests():
            pipeline.step()
            for number, handle in enumerate(handles):
                while handle.can_read():
                    for output in handle.read().values():
                        ids[number] += output.generated_ids
                    first[number] = first[number] or time.perf_counter() - begun
        seconds = time.perf_counter() - begun
        count = sum(len(cut_at_stop(each, stop)[0]) for each in ids)
        return {"seconds": seconds, "first": first, "tokens": count}


class _Transformers:
    """A causal language model of transformers, on the best device that torch has, in the weights'
    own precision."""

    def __init__(self, options: LoadOptions) -> None:
        import torch
        import transformers
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if not (Path(options.model) / "config.json").is_file():
            raise LoadError("transformers needs the model's folder with its config.json")
        transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        self.device = _device(torch, options.device)
        self.torch = torch
        self.tokenizer: Any = AutoTokenizer.from_pretrained(options.model)
        model: Any = AutoModelForCausalLM.from_pretrained(options.model, dtype="auto")
        self.model: Any = model.to(self.device).eval()
        dtype = str(self.model.dtype).removeprefix("torch.")
        self.title = f"transformers {transformers.__version__} on {self.device}, {dtype}"


def _device(torch: Any, wanted: str) -> str:
    """torch's device for ``[model] device``, which may name a GPU as OpenVINO or llama.cpp does.
    Raises LoadError where there is no GPU."""
    gpus = [
        name
        for name in ("xpu", "cuda")
        if hasattr(torch, name) and getattr(torch, name).is_available()
    ]
    if wanted == "auto":
        return [*gpus, "cpu"][0]
    if not wanted.startswith("gpu"):
        return wanted
    if not gpus:
        raise LoadError(
            "torch finds no GPU here, and what it writes on a processor is no comparison"
        )
    return gpus[0]


class Generate(_Transformers):
    """The way of the tutorials."""

    def run(self, prompts: "list[list[int]]", stop: "list[int]", tokens: int) -> "dict[str, Any]":
        begun, first, count = time.perf_counter(), [], 0
        for prompt in prompts:
            sent = time.perf_counter() - begun
            seconds, generated = self._answer(prompt, stop, tokens)
            first.append(sent + seconds)
            count += generated
        return {"seconds": time.perf_counter() - begun, "first": first, "tokens": count}

    def _answer(self, prompt: "list[int]", stop: "list[int]", tokens: int) -> "tuple[float, int]":
        """The seconds to the first text, and the number of tokens, of one answer."""
        from transformers import TextIteratorStreamer

        streamer = TextIteratorStreamer(self.tokenizer, skip_prompt=True)
        ids = self.torch.tensor([prompt], device=self.device)
        wanted = {
            "input_ids": ids,
            "attention_mask": self.torch.ones_like(ids),
            "max_new_tokens": tokens,
            "do_sample": False,
            "eos_token_id": stop or None,
            "pad_token_id": stop[0] if stop else 0,
            "streamer": streamer,
        }
        results: list[Any] = []
        begun, first = time.perf_counter(), 0.0
        thread = threading.Thread(target=lambda: results.append(self.model.generate(**wanted)))
        thread.start()
        for text in streamer:
            if text:
                first = first or time.perf_counter() - begun
        thread.join()
        if not results:
            raise RuntimeError("generate failed; its error is above")
        new = [int(one) for one in results[0][0][len(prompt) :]]
        return first, len(cut_at_stop(new, stop)[0])


class Continuous(_Transformers):
    """transformers' continuous batching."""

    def __init__(self, options: LoadOptions) -> None:
        super().__init__(options)
        if not hasattr(self.model, "generate_batch"):
            raise LoadError("this transformers has no continuous batching")

    def run(self, prompts: "list[list[int]]", stop: "list[int]", tokens: int) -> "dict[str, Any]":
        from transformers import GenerationConfig

        config = GenerationConfig(  # type: ignore[no-untyped-call]
            max_new_tokens=tokens,
            do_sample=False,
            eos_token_id=stop[0] if stop else -1,
            pad_token_id=stop[0] if stop else 0,
        )
        begun = time.perf_counter()
        outputs = self.model.generate_batch(inputs=prompts, generation_config=config)
        seconds = time.perf_counter() - begun
        ids = [list(output.generated_tokens) for output in outputs.values()]
        count = sum(len(cut_at_stop(each, stop)[0]) for each in ids)
        if len(ids) != len(prompts) or not count:
            raise RuntimeError("continuous batching returned no answer to some prompts")
        return {"seconds": seconds, "first": [], "tokens": count}
