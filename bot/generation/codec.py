"""Prompts to token ids, and token ids to text: one codec for each kind of model."""

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from bot.errors import ModelError
from bot.generation.answer_reader import AnswerReader
from bot.generation.options import MAX_CONTEXT, WorkerOptions
from bot.generation.reasoning import switches_off, template_variables
from bot.generation.scripted_codec import ScriptedCodec
from bot.generation.thinking import (
    FAMILIES,
    TAGGED,
    Family,
    ThoughtFilter,
    closed_in,
    families_in,
    opened_in,
)
from bot.messages import Completion, Prompt, Reasoning, Sampling
from bot.models.folder import ModelFolder
from bot.prompting.formats import PromptFormat, encode, format_for
from bot.prompting.gguf_samples import tokenizer_samples
from bot.prompting.tokenizer import StreamDecoder
from bot.prompting.tokenizer_json import ControlToken
from bot.worker.gguf.files import is_gguf

logger = logging.getLogger(__name__)

_ENCODED = 16
"""Prompts whose ids are kept: one that was packed by count is encoded next."""
_TAIL = 16
"""Token ids at the end of a prompt in which a closed thought is looked for."""


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
    def stops(self) -> frozenset[int]:
        """The ids at which the model is stopped: those that end an answer, without those that also
        end a thought."""
        ...

    @property
    def ends(self) -> frozenset[int]:
        """The stop tokens: ids that end an answer."""
        ...

    @property
    def thinks_at(self) -> frozenset[Reasoning]:
        """`ModelInfo.thinks_at`."""
        ...

    @property
    def reasoning_levels(self) -> frozenset[Reasoning]:
        """`ModelInfo.reasoning_levels`."""
        ...

    async def encode(self, prompt: Prompt | Completion) -> list[int]:
        """The token ids of the prompt; the answer's ids follow them."""
        ...

    async def count(self, prompt: Prompt | Completion) -> int:
        """``len(await encode(prompt))``."""
        ...

    def reader(
        self, prompt: Prompt | Completion, ids: list[int], sampling: Sampling
    ) -> AnswerReader:
        """Reads the answer to `prompt`, which was encoded as `ids`."""
        ...

    def answer_reader(self, sampling: Sampling) -> AnswerReader:
        """Reads an answer whose thought was closed for it, with `closing`."""
        ...

    def closing(self, family: Family, thought: list[int]) -> list[int]:
        """The ids that end a thought, whose ids so far are `thought`, and make the model answer;
        [] where that cannot be done."""
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
        self._template = folder.chat_template or ""
        self._families = tuple(self._known_families())
        self._shown = frozenset(
            token.id for family in self._families for token in self._control(*_tags(family))
        )
        ends_thought = (t.id for f in self._families for t in self._control(*f.closings))
        self.stops = self.ends - frozenset(ends_thought)
        self._refused: set[Reasoning] = set()
        self._encoded: deque[tuple[Prompt | Completion, list[int]]] = deque(maxlen=_ENCODED)
        levels = {level: self._variables(level) for level in Reasoning}
        self.reasoning_levels = frozenset(level for level, known in levels.items() if known)
        self.thinks_at = self._levels_that_think()

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
        chosen = context or folder.default_context(MAX_CONTEXT)
        return cls(folder, format_for(folder, chat=chat), chosen)

    @property
    def ends(self) -> frozenset[int]:
        return self._format.ends

    async def encode(self, prompt: Prompt | Completion) -> list[int]:
        for known, ids in self._encoded:
            if known == prompt:
                return list(ids)
        ids = await encode(self._format, self._with_variables(prompt))
        self._encoded.append((prompt, ids))
        return list(ids)

    async def count(self, prompt: Prompt | Completion) -> int:
        return len(await self.encode(prompt))

    def reader(
        self, prompt: Prompt | Completion, ids: list[int], sampling: Sampling
    ) -> AnswerReader:
        goes_on = isinstance(prompt, Completion) or bool(prompt.answer or prompt.thought)
        after = ids[-4:] if goes_on else None
        decoder = StreamDecoder(self._format.tokenizer, after=after, shown=self._shown)
        return AnswerReader(decoder, self._filter(prompt, ids), sampling, self.ends)

    def answer_reader(self, sampling: Sampling) -> AnswerReader:
        decoder = StreamDecoder(self._format.tokenizer)
        return AnswerReader(decoder, ThoughtFilter(over=True), sampling, self.ends)

    def closing(self, family: Family, thought: list[int]) -> list[int]:
        del thought
        thinking = self._format.thinking
        if thinking is not None and thinking.between_ids:
            return list(thinking.between_ids)
        ids: list[int] = []
        for part in self._format.tokenizer.split_control(f"\n{family.closings[0]}\n\n"):
            if isinstance(part, ControlToken):
                ids.append(part.id)
            else:
                ids += self._format.tokenizer.encode_text(part, start=False)
        return ids

    # ------------------------------------------------------------ thoughts

    def _known_families(self) -> Iterator[Family]:
        """Those that the template writes or reads, or whose tags are tokens of the model."""
        written = families_in(self._template)
        for family in FAMILIES:
            if family in written or any(self._control(family.opening)):
                yield family
        thinking = self._format.thinking
        if thinking is not None and all(f.closings[0] != thinking.closing for f in FAMILIES):
            yield Family(thinking.opening, (thinking.closing,))

    def _control(self, *texts: str) -> Iterator[ControlToken]:
        for text in texts:
            for part in self._format.tokenizer.split_control(text):
                if isinstance(part, ControlToken):
                    yield part

    def _filter(self, prompt: Prompt | Completion, ids: list[int]) -> ThoughtFilter:
        if isinstance(prompt, Completion) or prompt.answer:
            return ThoughtFilter(over=True)
        families = tuple(dict.fromkeys((*TAGGED, *self._families)))
        taken_up = bool(prompt.thought) and self._format.thinking is not None
        if self._families and (taken_up or opened_in(self._tail(ids), self._family)):
            return ThoughtFilter(self._family, begun=taken_up, families=families)
        return ThoughtFilter(families=families)

    def _tail(self, ids: list[int]) -> str:
        """The end of a prompt, with its special tokens."""
        return self._format.tokenizer.decode(ids[-_TAIL:], show_control=True)

    @property
    def _family(self) -> Family:
        """The family in which the template writes thoughts."""
        thinking = self._format.thinking
        closing = thinking.closing if thinking is not None else ""
        known = [family for family in self._families if family.closings[0] == closing]
        if len(known) > 1 and thinking is not None:
            known = [family for family in known if family.opening == thinking.opening] or known
        return (known or list(self._families))[0]

    def _variables(self, level: Reasoning) -> tuple[tuple[str, object], ...]:
        return template_variables(self._template, level) if self._families else ()

    def _with_variables(self, prompt: Prompt | Completion) -> Prompt | Completion:
        if isinstance(prompt, Completion) or prompt.reasoning in self._refused:
            return prompt
        variables = self._variables(prompt.reasoning)
        return replace(prompt, template_variables=variables) if variables else prompt

    def _levels_that_think(self) -> frozenset[Reasoning]:
        """The settings with which the model thinks: those whose prompt does not close the thought
        itself, and is not that of "off" where it makes a difference."""
        if not self._families or not self._template:
            return frozenset()
        prompts = {level: self._sample(level) for level in Reasoning}
        off = prompts[Reasoning.OFF]
        differs = switches_off(self._variables(Reasoning.OFF)) and off != prompts[Reasoning.HIGH]
        return frozenset(
            level
            for level, ids in prompts.items()
            if not closed_in(self._tail(ids), self._family) and not (differs and ids == off)
        )

    def _sample(self, level: Reasoning) -> list[int]:
        """A prompt with this setting. A template that raises on the setting's variables is rendered
        without them from now on."""
        prompt = self._with_variables(Prompt("", (), "Hello", reasoning=level))
        assert isinstance(prompt, Prompt)
        try:
            return self._format.encode(prompt)
        except ModelError as error:
            if not prompt.template_variables:
                raise
            logger.warning(
                '[model] reasoning = "%s" is not sent, since the chat template refuses it: %s',
                level,
                error,
            )
            self._refused.add(level)
            return self._format.encode(replace(prompt, template_variables=()))

    def samples(self) -> tuple[tuple[str, list[int]], ...]:
        return tokenizer_samples(self._format.tokenizer) if is_gguf(self.folder.path) else ()


def _tags(family: Family) -> tuple[str, ...]:
    ends = family.answer_end.split("|") if family.answer_end else []
    return (family.opening, *family.closings, *family.answer, *ends)


def load_codec(options: WorkerOptions) -> Codec:
    """The codec for these options. Blocks for up to a second. Raises ModelError."""
    if options.backend == "scripted":
        return ScriptedCodec(options.script, options.context)
    if options.model is None:
        raise ModelError(f'[model] name is "", and backend "{options.backend}" needs a model.')
    return ModelCodec.load(options.model, options.context, chat=options.chat)
