"""Prompts to token ids, and token ids to text: one codec for each kind of model."""

from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from bot.errors import ModelError
from bot.generation.options import MAX_CONTEXT, WorkerOptions
from bot.messages import Completion, Prompt
from bot.models.folder import ModelFolder
from bot.models.gguf import is_gguf
from bot.prompting.formats import PromptFormat, count, encode, format_for
from bot.prompting.gguf_samples import tokenizer_samples
from bot.prompting.tokenizer import StreamDecoder
from bot.worker.backends.scripted import split_script


class Decoder(Protocol):
    """An incremental decoder for one answer."""

    def feed(self, ids: Iterable[int]) -> str:
        """The text that is complete with these ids; "" in the middle of a character."""
        ...

    def flush(self) -> str:
        """The text that is left at the end of the answer."""
        ...


class Codec(Protocol):
    """The tokenizer and the chat format of a model."""

    @property
    def name(self) -> str:
        """The model's name for people."""
        ...

    @property
    def context(self) -> int:
        """The context window: tokens for prompt and answer together."""
        ...

    @property
    def ends(self) -> frozenset[int]:
        """The stop tokens: ids that end an answer."""
        ...

    async def encode(self, prompt: Prompt | Completion) -> list[int]:
        """The token ids of the prompt; the answer's ids follow them."""
        ...

    async def count(self, prompt: Prompt | Completion) -> int:
        """``len(await encode(prompt))``."""
        ...

    def decoder(self, prompt: Prompt | Completion, ids: list[int]) -> Decoder:
        """A decoder for the answer to `prompt`, which was encoded as `ids`."""
        ...

    def samples(self) -> tuple[tuple[str, list[int]], ...]:
        """Texts with their ids, for a backend that has a tokenizer of its own to compare: of GGUF
        files; empty for other models. Blocks for some milliseconds."""
        ...


class ModelCodec:
    """The codec of a model in a folder."""

    def __init__(self, folder: ModelFolder, prompt_format: PromptFormat, context: int) -> None:
        self.folder = folder
        self.name = folder.path.name
        self.context = context
        self._format = prompt_format

    @classmethod
    def load(cls, path: Path, context: int, *, chat: bool = True) -> "ModelCodec":
        """Read the folder and its tokenizer. `context` 0 is the model's own context window, at most
        `MAX_CONTEXT` tokens. Blocks for up to a second. Raises ModelError where the folder cannot
        be read or `context` is larger than the model's own."""
        folder = ModelFolder.read(path)
        if context > folder.context:
            raise ModelError(
                f"[model] context = {context} is more than the {folder.context} tokens that "
                f"{path} was trained for: choose {folder.context} or less, or 0."
            )
        chosen = context or min(folder.context, MAX_CONTEXT)
        return cls(folder, format_for(folder, chat=chat), chosen)

    @property
    def ends(self) -> frozenset[int]:
        return self._format.ends

    async def encode(self, prompt: Prompt | Completion) -> list[int]:
        return await encode(self._format, prompt)

    async def count(self, prompt: Prompt | Completion) -> int:
        return await count(self._format, prompt)

    def decoder(self, prompt: Prompt | Completion, ids: list[int]) -> Decoder:
        goes_on = isinstance(prompt, Completion) or bool(prompt.answer)
        return StreamDecoder(self._format.tokenizer, after=ids[-4:] if goes_on else None)

    def samples(self) -> tuple[tuple[str, list[int]], ...]:
        return tokenizer_samples(self._format.tokenizer) if is_gguf(self.folder.path) else ()


class ScriptedCodec:
    """The codec of the scripted backend: its tokens are the words of the script, numbered from 0.
    Any other word has the number after the last one."""

    name = "scripted"
    ends: frozenset[int] = frozenset()

    def __init__(self, script: str, context: int) -> None:
        self.context = context or MAX_CONTEXT
        self._script = script
        self._words = split_script(script)
        self._ends = list(_word_ends(self._words))

    async def encode(self, prompt: Prompt | Completion) -> list[int]:
        if isinstance(prompt, Completion):
            read, answer = prompt.text, ""
        else:
            past = (text for turn in prompt.history for text in (turn.question, turn.answer))
            read, answer = " ".join((prompt.system, *past, prompt.question)), prompt.answer
        other = len(self._words)
        return [other] * max(1, len(split_script(read))) + list(range(self._said(answer)))

    async def count(self, prompt: Prompt | Completion) -> int:
        return len(await self.encode(prompt))

    def decoder(self, prompt: Prompt | Completion, ids: list[int]) -> Decoder:  # noqa: ARG002
        answer = "" if isinstance(prompt, Completion) else prompt.answer
        spoken = self._script.startswith(answer)
        return _ScriptDecoder(self._script, self._ends, len(answer) if spoken else 0)

    def samples(self) -> tuple[tuple[str, list[int]], ...]:
        return ()

    def _said(self, answer: str) -> int:
        """How many whole words of the script `answer` holds; 0 where it is another text."""
        if not self._script.startswith(answer):
            return 0
        return bisect_right(self._ends, len(answer))


class _ScriptDecoder:
    def __init__(self, script: str, ends: list[int], position: int) -> None:
        self._script = script
        self._ends = ends
        self._position = position

    def feed(self, ids: Iterable[int]) -> str:
        start = self._position
        for word in ids:
            self._position = max(self._position, self._ends[word])
        return self._script[start : self._position]

    def flush(self) -> str:
        return ""


def _word_ends(words: Iterable[str]) -> Iterable[int]:
    """The offset in the script at which each word ends."""
    length = 0
    for word in words:
        length += len(word)
        yield length


def load_codec(options: WorkerOptions) -> Codec:
    """The codec for these options. Blocks for up to a second. Raises ModelError."""
    if options.backend == "scripted":
        return ScriptedCodec(options.script, options.context)
    if options.model is None:
        raise ModelError(f'[model] name is "", and backend "{options.backend}" needs a model.')
    return ModelCodec.load(options.model, options.context, chat=options.chat)
