"""Chat formats other than Llama 2's: the model's own chat template.

What stands between the contents is the template's own text. The control tokens that it names cut
the conversation into runs; each run is encoded as text. For contents that hold no tag the ids are
those that Hugging Face's ``apply_chat_template`` gives (contents lose the white space around them).
"""

import functools
import re
from array import array
from collections.abc import Iterator, Sequence

from bot.messages import Prompt
from bot.models.folder import ModelFolder
from bot.prompting.jinja_template import ChatTemplate, Part, Slot, TemplateRefusal
from bot.prompting.spans import RunEncoder, Span
from bot.prompting.tokenizer import TextTokenizer
from bot.prompting.tokenizer_json import ControlToken

_REMEMBERED = 1024

# What a template writes as plain text to mark turns: <|user|>, [INST], <<SYS>>, </s> …
_MARKER = re.compile(r"<{1,2}[^<>\s]{1,40}>{1,2}|\[/?[A-Z][A-Z_]*\]")
# … and right before a content: "USER:", "### Instruction:".
_LABEL = re.compile(r"(#{2,} ?\w[\w ]*:?|\b[A-Z]\w*:)\s*$")

_Run = tuple[Span, ...]


class TemplateFormat:
    """`bot.prompting.formats.PromptFormat` by a Jinja template.

    A template that takes no system role gets the system prompt at the top of the first question.
    """

    def __init__(self, folder: ModelFolder, tokenizer: TextTokenizer) -> None:
        """Raises ModelError where the template cannot be used for a plain conversation."""
        self.tokenizer = tokenizer
        self._template = ChatTemplate(folder)
        self._folds_system = not self._takes_system()
        sample = self._sample()
        self.ends = frozenset(folder.eos) | self._closing_token(sample)
        self._runs = RunEncoder(tokenizer, _tags(sample, tokenizer))
        self._glue = self._before_answer()
        self._encode_run = functools.lru_cache(_REMEMBERED)(self._encode_run_anew)

    def encode(self, prompt: Prompt) -> list[int]:
        ids: list[int] = []
        for part in self._encoded(prompt):
            # A template may write BOS itself and have it written once more by a default.
            if len(ids) == 1 and len(part) == 1 and ids[0] == part[0] == self.tokenizer.added_bos:
                continue
            ids.extend(part)
        return ids

    def count(self, prompt: Prompt) -> int:
        return len(self.encode(prompt))

    def encode_completion(self, text: str) -> list[int]:
        bos = self.tokenizer.added_bos
        return [*([] if bos is None else [bos]), *self.tokenizer.encode_text(text, start=True)]

    # ------------------------------------------------------------ a prompt

    def _encoded(self, prompt: Prompt) -> Iterator["array[int]"]:
        for place, part in enumerate(_runs(self._spans(prompt), self.tokenizer)):
            if isinstance(part, ControlToken):
                yield array("I", [part.id])
            else:
                start = place == 0 or self.tokenizer.prefix_after_control
                yield self._encode_run(part, start)

    def _encode_run_anew(self, run: _Run, start: bool) -> "array[int]":
        return array("I", self._runs.encode(run, start=start))

    def _spans(self, prompt: Prompt) -> Iterator[Span]:
        roles, contents = self._messages(prompt)
        for part in self._template.render(roles, answer_next=True):
            if isinstance(part, Slot):
                yield Span(contents[part.message])
            else:
                yield Span(part, own=True)
        if prompt.answer.strip():
            yield Span(self._glue, own=True)
            yield Span(prompt.answer.lstrip())

    def _messages(self, prompt: Prompt) -> tuple[list[str], list[str]]:
        """Roles and contents, in step."""
        turns = [text for past in prompt.history for text in (past.question, past.answer)]
        contents = [text.strip() for text in (*turns, prompt.question)]
        roles = ["user", "assistant"] * len(prompt.history) + ["user"]
        system = prompt.system.strip()
        if system and self._folds_system:
            contents[0] = f"{system}\n\n{contents[0]}".rstrip()
        elif system:
            roles.insert(0, "system")
            contents.insert(0, system)
        return roles, contents

    # ------------------------------------------------------------ what the template is like

    def _takes_system(self) -> bool:
        try:
            self._template.render(["system", "user"], answer_next=True)
        except TemplateRefusal:
            return False
        return True

    def _sample(self) -> list[Part]:
        roles = ["user", "assistant", "user", "assistant", "user"]
        if not self._folds_system:
            roles.insert(0, "system")
        return self._template.render(roles, answer_next=True)

    def _closing_token(self, sample: Sequence[Part]) -> frozenset[int]:
        """The control token that closes an answer in this template."""
        answer = 1 if self._folds_system else 2
        after = sample[sample.index(Slot(answer)) + 1]
        parts = self.tokenizer.split_control(after) if isinstance(after, str) else []
        for part in parts:
            if isinstance(part, ControlToken):
                return frozenset([part.id])
            if part.strip():
                break
        return frozenset()

    def _before_answer(self) -> str:
        """The white space that stands before a finished answer but not before one to be written,
        as in Mistral's ``[/INST] answer``: the model writes it itself."""
        finished = self._template.render(["user", "assistant", "user"], answer_next=True)
        fresh = self._template.render(["user"], answer_next=True)
        between = finished[finished.index(Slot(0)) + 1]
        before = fresh[-1]
        if isinstance(between, str) and isinstance(before, str) and between.startswith(before):
            glue = between[len(before) :]
            return glue if glue.isspace() else ""
        return ""


def _runs(spans: Iterator[Span], tokenizer: TextTokenizer) -> list[ControlToken | _Run]:
    """The conversation cut at the control tokens that the template's own text names.

    A token that swallows the white space beside it does so, as the tokenizers library would.
    """
    parts: list[ControlToken | list[Span]] = []
    swallow = False
    for span in spans:
        for piece in tokenizer.split_control(span.text) if span.own else [span.text]:
            last = parts[-1] if parts else None
            if isinstance(piece, ControlToken):
                if piece.strips_left and isinstance(last, list):
                    _strip_end(last)
                parts.append(piece)
                swallow = piece.strips_right
                continue
            text = piece.lstrip() if swallow else piece
            swallow = swallow and not text
            if text and isinstance(last, list):
                last.append(Span(text, span.own))
            elif text:
                parts.append([Span(text, span.own)])
    return [part if isinstance(part, ControlToken) else tuple(part) for part in parts if part]


def _strip_end(run: list[Span]) -> None:
    while run:
        last = run.pop()
        if text := last.text.rstrip():
            run.append(Span(text, last.own))
            return


def _tags(sample: Sequence[Part], tokenizer: TextTokenizer) -> set[str]:
    """The marks of turns that the template writes as plain text, so that nobody else may."""
    tags: set[str] = set()
    for part in sample:
        if isinstance(part, Slot):
            continue
        for text in tokenizer.split_control(part):
            if isinstance(text, str):
                tags.update(_MARKER.findall(text))
                tags.update(_LABEL.findall(text))
    return tags
