"""Llama 2's chat format, token for token as Meta's reference makes it.

The source is ``chat_completion`` in meta-llama/llama's ``llama/generation.py``. Each finished
exchange is a text of its own, between BOS and EOS:

    <s> [INST] question [/INST] answer </s><s> [INST] question [/INST]

and the system prompt stands in the first question, as ``<<SYS>>\\n…\\n<</SYS>>\\n\\n``. BOS and EOS
are ids here, never text. Questions and answers lose the white space around them, as there.
"""

import functools
from array import array

from bot.messages import Prompt
from bot.prompting.spans import RunEncoder, Span
from bot.prompting.tokenizer import TextTokenizer

TAGS = ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>")

_REMEMBERED = 1024
"""Exchanges whose encoding is kept: that many long ones are some 20 MB."""


class Llama2Format:
    """`bot.prompting.formats.PromptFormat` for Llama 2 chat models and those trained like them.

    An answer that is continued is encoded with the white space at its end as it is, so that what
    the model writes next joins on without a space lost or doubled.
    """

    def __init__(
        self, tokenizer: TextTokenizer, bos: int, eos: int, *, also_ends: tuple[int, ...] = ()
    ) -> None:
        self.tokenizer = tokenizer
        self.ends = frozenset((eos, *also_ends))
        self._bos = bos
        self._eos = eos
        self._runs = RunEncoder(tokenizer, TAGS)
        self._finished = functools.lru_cache(_REMEMBERED)(self._encode_finished)
        self._open = functools.lru_cache(_REMEMBERED // 8)(self._encode_open)

    def encode(self, prompt: Prompt) -> list[int]:
        return [token for ids in self._texts(prompt) for token in ids]

    def count(self, prompt: Prompt) -> int:
        return sum(map(len, self._texts(prompt)))

    def encode_completion(self, text: str) -> list[int]:
        return [self._bos, *self.tokenizer.encode_text(text, start=True)]

    def _texts(self, prompt: Prompt) -> list["array[int]"]:
        """The ids of each exchange, in order; the last one is open."""
        system = prompt.system if prompt.system.strip() else ""
        texts = []
        for past in prompt.history:
            texts.append(self._finished(system, past.question, past.answer))
            system = ""
        texts.append(self._open(system, prompt.question, prompt.answer))
        return texts

    def _encode_finished(self, system: str, question: str, answer: str) -> "array[int]":
        run = [*_asked(system, question), Span(" "), Span(answer.strip()), Span(" ")]
        return array("I", [self._bos, *self._runs.encode(run, start=True), self._eos])

    def _encode_open(self, system: str, question: str, answer: str) -> "array[int]":
        run = _asked(system, question)
        if answer.strip():
            run += [Span(" "), Span(answer.lstrip())]
        return array("I", [self._bos, *self._runs.encode(run, start=True)])


def _asked(system: str, question: str) -> list[Span]:
    """``[INST] … [/INST]``. As in the reference, the white space around the question is stripped
    with the system prompt in it: what stands between the two stays."""
    begin, end = Span("[INST] ", own=True), Span(" [/INST]", own=True)
    if not system:
        return [begin, Span(question.strip()), end]
    asked = Span(question.rstrip())
    after = "\n<</SYS>>\n\n" if asked.text else "\n<</SYS>>"
    return [begin, Span("<<SYS>>\n", own=True), Span(system), Span(after, own=True), asked, end]
