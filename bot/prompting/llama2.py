"""Llama 2's chat format, token for token as Meta's reference code writes it.

Source: ``chat_completion`` in meta-llama/llama's ``llama/generation.py``. Each finished exchange is
tokenized separately and enclosed in the special tokens BOS and EOS:

    <s> [INST] question [/INST] answer </s><s> [INST] question [/INST]

The system prompt is part of the first question, as ``<<SYS>>\\n…\\n<</SYS>>\\n\\n``. BOS and EOS
are inserted as ids, never as text. Questions and answers are stripped of surrounding white space,
as in the reference.
"""

import functools
from array import array

from bot.messages import Prompt
from bot.prompting.spans import SegmentTokenizer, Span
from bot.prompting.thinking import ThinkingTags
from bot.prompting.tokenizer import TextTokenizer

TAGS = ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>")

_CACHED_EXCHANGES = 1024
"""Size of the LRU cache of tokenized exchanges; filled with long ones it takes some 20 MB."""


class Llama2Format:
    """`bot.prompting.formats.PromptFormat` for Llama 2 chat models and those trained like them.

    An answer that is to be continued keeps its trailing white space, so that the text that the
    model generates next joins on without a space lost or doubled. Thoughts are left out: the format
    has no place for them.
    """

    thinking: ThinkingTags | None = None

    def __init__(
        self, tokenizer: TextTokenizer, bos: int, eos: int, *, also_ends: tuple[int, ...] = ()
    ) -> None:
        self.tokenizer = tokenizer
        self.ends = frozenset((eos, *also_ends))
        self._bos = bos
        self._eos = eos
        self._segments = SegmentTokenizer(tokenizer, TAGS)
        self._finished = functools.lru_cache(_CACHED_EXCHANGES)(self._encode_finished)
        self._open = functools.lru_cache(_CACHED_EXCHANGES // 8)(self._encode_open)

    def opens_thought(self, prompt: Prompt) -> bool:  # noqa: ARG002
        return False

    def encode(self, prompt: Prompt) -> list[int]:
        return [token for ids in self._exchanges(prompt) for token in ids]

    def count(self, prompt: Prompt) -> int:
        return sum(map(len, self._exchanges(prompt)))

    def encode_completion(self, text: str) -> list[int]:
        return [self._bos, *self.tokenizer.encode_text(text, start=True)]

    def _exchanges(self, prompt: Prompt) -> list["array[int]"]:
        """The ids of each exchange, in order; the last one is open: it has no EOS."""
        system = prompt.system if prompt.system.strip() else ""
        exchanges = []
        for past in prompt.history:
            exchanges.append(self._finished(system, past.question, past.answer))
            system = ""
        exchanges.append(self._open(system, prompt.question, prompt.answer))
        return exchanges

    def _encode_finished(self, system: str, question: str, answer: str) -> "array[int]":
        segment = [*_asked(system, question), Span(" "), Span(answer.strip()), Span(" ")]
        return array("I", [self._bos, *self._segments.encode(segment, start=True), self._eos])

    def _encode_open(self, system: str, question: str, answer: str) -> "array[int]":
        segment = _asked(system, question)
        if answer.strip():
            segment += [Span(" "), Span(answer.lstrip())]
        return array("I", [self._bos, *self._segments.encode(segment, start=True)])


def _asked(system: str, question: str) -> list[Span]:
    """``[INST] … [/INST]``. As in the reference, white space is stripped around system prompt and
    question together, so white space between the two stays."""
    begin, end = Span("[INST] ", trusted=True), Span(" [/INST]", trusted=True)
    if not system:
        return [begin, Span(question.strip()), end]
    asked = Span(question.rstrip())
    after = "\n<</SYS>>\n\n" if asked.text else "\n<</SYS>>"
    head, tail = Span("<<SYS>>\n", trusted=True), Span(after, trusted=True)
    return [begin, head, Span(system), tail, asked, end]
