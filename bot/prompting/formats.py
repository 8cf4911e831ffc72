"""Turns a `Prompt` into the token ids that a model reads.

Three formats: Llama 2's own (`Llama2Format`), the model's chat template (`TemplateFormat`), and
none (`PlainFormat`, for models that can only complete a text). `format_for` chooses. In each of
them what people and the model wrote is encoded as text only, so that nothing typed becomes a
control token, and the tags of the format cannot be typed either (`bot.prompting.spans`).
"""

import asyncio
from typing import Protocol

from bot.errors import ModelError
from bot.messages import Completion, Prompt
from bot.models.folder import ModelFolder, PromptStyle
from bot.prompting.llama2 import Llama2Format
from bot.prompting.template import TemplateFormat
from bot.prompting.tokenizer import TextTokenizer

__all__ = [
    "Llama2Format",
    "PlainFormat",
    "PromptFormat",
    "TemplateFormat",
    "count",
    "encode",
    "format_for",
]

LONG_TEXT = 4000
"""Characters from which a prompt is encoded in a thread: some three milliseconds of work."""


class PromptFormat(Protocol):
    """How one model wants its conversations. Thread-safe."""

    @property
    def tokenizer(self) -> TextTokenizer: ...

    @property
    def ends(self) -> frozenset[int]:
        """The ids that end an answer: none of them belongs to its text."""
        ...

    def encode(self, prompt: Prompt) -> list[int]:
        """The ids after which the model's next token belongs to the answer. At most one BOS for
        each that the format has, and never two in a row. Raises ModelError where the model has
        no chat format."""
        ...

    def count(self, prompt: Prompt) -> int:
        """``len(encode(prompt))``. Costs only what was not counted lately."""
        ...

    def encode_completion(self, text: str) -> list[int]:
        """The ids for going on with a plain `text`: BOS, where the model has one, and the text."""
        ...


class PlainFormat:
    """For a model without a chat format: it completes texts and refuses conversations."""

    def __init__(self, folder: ModelFolder, tokenizer: TextTokenizer) -> None:
        self.tokenizer = tokenizer
        self.ends = frozenset(folder.eos)
        self._path = folder.path

    def encode(self, prompt: Prompt) -> list[int]:  # noqa: ARG002
        raise _no_chat_format(self._path)

    def count(self, prompt: Prompt) -> int:
        return len(self.encode(prompt))

    def encode_completion(self, text: str) -> list[int]:
        bos = self.tokenizer.added_bos
        return [*([] if bos is None else [bos]), *self.tokenizer.encode_text(text, start=True)]


def format_for(folder: ModelFolder, *, chat: bool = True) -> PromptFormat:
    """The format that `folder`'s model was trained for, with its tokenizer.

    Loads the tokenizer: up to a second, without leaving the thread. Raises ModelError where the
    tokenizer or the template is unusable, and for a model without a chat format unless `chat` is
    False, which is enough for completing texts.
    """
    if folder.style is PromptStyle.PLAIN and chat:
        raise _no_chat_format(folder.path)
    tokenizer = TextTokenizer.load(folder.path)
    if folder.style is PromptStyle.LLAMA2:
        bos = tokenizer.token_id("<s>") if folder.bos is None else folder.bos
        eos = folder.eos or tuple(i for i in [tokenizer.token_id("</s>")] if i is not None)
        if bos is None or not eos:
            raise ModelError(
                f"{folder.path} names no token that begins or ends a text: add bos_token_id and "
                "eos_token_id to its config.json."
            )
        return Llama2Format(tokenizer, bos, eos[0], also_ends=eos[1:])
    if folder.style is PromptStyle.TEMPLATE:
        return TemplateFormat(folder, tokenizer)
    return PlainFormat(folder, tokenizer)


def _no_chat_format(path: object) -> ModelError:
    return ModelError(
        f"The model in {path} has no chat template, so it can only complete texts: name its chat "
        "or instruct variant, or put the right chat_template.jinja into the folder."
    )


# ---------------------------------------------------------------- without blocking the loop


async def encode(prompt_format: PromptFormat, prompt: Prompt | Completion) -> list[int]:
    """`PromptFormat.encode` or `encode_completion`; in a thread where the text is long."""
    if isinstance(prompt, Completion):
        if len(prompt.text) < LONG_TEXT:
            return prompt_format.encode_completion(prompt.text)
        return await asyncio.to_thread(prompt_format.encode_completion, prompt.text)
    if _length(prompt) < LONG_TEXT:
        return prompt_format.encode(prompt)
    return await asyncio.to_thread(prompt_format.encode, prompt)


async def count(prompt_format: PromptFormat, prompt: Prompt | Completion) -> int:
    """How many ids `encode` gives; in a thread where the text is long."""
    if isinstance(prompt, Completion):
        return len(await encode(prompt_format, prompt))
    if _length(prompt) < LONG_TEXT:
        return prompt_format.count(prompt)
    return await asyncio.to_thread(prompt_format.count, prompt)


def _length(prompt: Prompt) -> int:
    history = sum(len(past.question) + len(past.answer) for past in prompt.history)
    return len(prompt.system) + history + len(prompt.question) + len(prompt.answer)
