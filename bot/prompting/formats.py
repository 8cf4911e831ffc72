"""Converts a `Prompt` into the token ids that are the model's input.

There are three formats: Llama 2's (`Llama2Format`), the model's chat template (`TemplateFormat`),
and none (`PlainFormat`, for base models, which only complete a text). `format_for` chooses. In all
of them, user input and earlier answers are tokenized as text, so they can never produce special
tokens nor the tags of the format (`bot.prompting.spans`).
"""

import asyncio
from dataclasses import replace
from typing import Protocol

from bot.errors import ModelError
from bot.messages import Completion, Exchange, Prompt
from bot.models.folder import ModelFolder, PromptStyle
from bot.prompting.llama2 import Llama2Format
from bot.prompting.template import TemplateFormat
from bot.prompting.thinking import ThinkingTags
from bot.prompting.tokenizer import TextTokenizer

__all__ = [
    "Llama2Format",
    "PlainFormat",
    "PromptFormat",
    "TemplateFormat",
    "ThinkingTags",
    "count",
    "encode",
    "format_for",
]

LONG_TEXT = 4000
"""Characters from which a prompt is tokenized in a thread: it takes some 3 ms, in which the event
loop would be blocked."""


class PromptFormat(Protocol):
    """The chat format of one model, with its tokenizer. Thread-safe."""

    @property
    def tokenizer(self) -> TextTokenizer: ...

    @property
    def ends(self) -> frozenset[int]:
        """The ids at which generation stops (end of sequence, end of turn). No part of the text."""
        ...

    @property
    def thinking(self) -> ThinkingTags | None:
        """How the format writes a thought; None for a format that has none."""
        ...

    def opens_thought(self, prompt: Prompt) -> bool:
        """Whether the ids of `prompt` end inside a thought, so that the model generates the rest of
        it, then the closing tag and the answer. Quick after the prompt was encoded; before, it may
        block like `encode`."""
        ...

    def encode(self, prompt: Prompt) -> list[int]:
        """The token ids of the conversation, up to where the model generates the answer. BOS is
        never doubled. Raises ModelError where the model has no chat format."""
        ...

    def count(self, prompt: Prompt) -> int:
        """``len(encode(prompt))``. Only parts that are not in the cache are tokenized."""
        ...

    def encode_completion(self, text: str) -> list[int]:
        """The token ids for completing a plain `text`: BOS, if the model has one, and the text."""
        ...


class PlainFormat:
    """For a model without a chat format: completes texts; conversations raise ModelError."""

    thinking: ThinkingTags | None = None

    def __init__(self, folder: ModelFolder, tokenizer: TextTokenizer) -> None:
        self.tokenizer = tokenizer
        self.ends = frozenset(folder.eos)
        self._path = folder.path

    def opens_thought(self, prompt: Prompt) -> bool:  # noqa: ARG002
        return False

    def encode(self, prompt: Prompt) -> list[int]:  # noqa: ARG002
        raise _no_chat_format(self._path)

    def count(self, prompt: Prompt) -> int:
        return len(self.encode(prompt))

    def encode_completion(self, text: str) -> list[int]:
        bos = self.tokenizer.added_bos
        return [*([] if bos is None else [bos]), *self.tokenizer.encode_text(text, start=True)]


def format_for(
    folder: ModelFolder, *, chat: bool = True, tokenizer: TextTokenizer | None = None
) -> PromptFormat:
    """The format that `folder`'s model was trained for, with its tokenizer: that in the folder, or
    `tokenizer` where it is somewhere else.

    Blocks for up to a second while it loads the tokenizer. Raises ModelError where the tokenizer or
    the template cannot be used, and for a model without a chat format, unless `chat` is False
    because only texts are to be completed.
    """
    if folder.style is PromptStyle.PLAIN and chat:
        raise _no_chat_format(folder.path)
    tokenizer = tokenizer or TextTokenizer.load(folder.path, folder.added_tokens)
    folder = _with_tokens_by_id(folder, tokenizer)
    if folder.style is PromptStyle.LLAMA2:
        return _llama2(folder, tokenizer)
    if folder.style is PromptStyle.TEMPLATE:
        return _of_template(folder, tokenizer)
    return PlainFormat(folder, tokenizer)


def _with_tokens_by_id(folder: ModelFolder, tokenizer: TextTokenizer) -> ModelFolder:
    """`folder` with the beginning and the end of a text by name and by id, where its files give
    only one of the two."""
    names = dict(folder.special_tokens)
    ids = {"bos_token": folder.bos, "eos_token": next(iter(folder.eos), None)}
    for name, number in ids.items():
        text = None if number is None else tokenizer.token_text(number)
        if text is not None and name not in folder.withheld_tokens:
            names.setdefault(name, text)
    bos, eos = (tokenizer.token_id(names.get(name, "")) for name in ids)
    return replace(
        folder,
        special_tokens=names,
        bos=bos if folder.bos is None else folder.bos,
        eos=folder.eos or (() if eos is None else (eos,)),
    )


def _llama2(folder: ModelFolder, tokenizer: TextTokenizer) -> Llama2Format:
    bos = tokenizer.token_id("<s>") if folder.bos is None else folder.bos
    eos = folder.eos or tuple(i for i in [tokenizer.token_id("</s>")] if i is not None)
    if bos is None or not eos:
        raise ModelError(
            f"{folder.path} has no special tokens for the beginning and the end of a text: add "
            "bos_token_id and eos_token_id to its config.json."
        )
    return Llama2Format(tokenizer, bos, eos[0], also_ends=eos[1:])


_TYPICAL = (
    Prompt("", (), " Why?\n"),
    Prompt("Be kind. ", (), "Why?"),
    Prompt("", (Exchange("Hi", " Hello. "), Exchange("And?\n", "Fine.\n")), "Why?"),
    Prompt(" Be kind.\n\n", (Exchange(" Hi", "Hello."),), "  Why?"),
    Prompt("Be kind.", (Exchange("Hi", "Hello."),), "Why?", " Because "),
)


def _of_template(folder: ModelFolder, tokenizer: TextTokenizer) -> PromptFormat:
    """The template's format; Llama 2's own, which needs no process, where the template writes the
    same tokens."""
    found = TemplateFormat(folder, tokenizer)
    source = folder.chat_template or ""
    if "[INST]" not in source or "<<SYS>>" not in source or folder.bos is None or not folder.eos:
        return found
    own = _llama2(folder, tokenizer)
    same = all(own.encode(prompt) == found.encode(prompt) for prompt in _TYPICAL)
    return own if same else found


def _no_chat_format(path: object) -> ModelError:
    return ModelError(
        f"The model in {path} has no chat template, so it can only complete texts: name its chat "
        "or instruct variant, or put the right chat_template.jinja into the folder."
    )


# ---------------------------------------------------------------- without blocking the event loop


async def encode(prompt_format: PromptFormat, prompt: Prompt | Completion) -> list[int]:
    """`PromptFormat.encode` or `encode_completion`; in a thread where it takes long."""
    if isinstance(prompt, Completion):
        if len(prompt.text) < LONG_TEXT:
            return prompt_format.encode_completion(prompt.text)
        return await asyncio.to_thread(prompt_format.encode_completion, prompt.text)
    if _is_quick(prompt_format, prompt):
        return prompt_format.encode(prompt)
    return await asyncio.to_thread(prompt_format.encode, prompt)


async def count(prompt_format: PromptFormat, prompt: Prompt | Completion) -> int:
    """The number of ids that `encode` returns; in a thread where it takes long."""
    if isinstance(prompt, Completion):
        return len(await encode(prompt_format, prompt))
    if _is_quick(prompt_format, prompt):
        return prompt_format.count(prompt)
    return await asyncio.to_thread(prompt_format.count, prompt)


def _is_quick(prompt_format: PromptFormat, prompt: Prompt) -> bool:
    if _length(prompt) >= LONG_TEXT:
        return False
    return not isinstance(prompt_format, TemplateFormat) or prompt_format.is_rendered(prompt)


def _length(prompt: Prompt) -> int:
    past = sum(len(p.question) + len(p.answer) + len(p.thought) for p in prompt.history)
    answer = len(prompt.thought) + len(prompt.answer)
    return len(prompt.system) + past + len(prompt.question) + answer
