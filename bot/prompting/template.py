"""Chat formats given by a model's own chat template.

The template is rendered with placeholders for the contents (`bot.prompting.jinja_template`), so its
own text is known to the character. Only that text can name special tokens; they split the
conversation into segments, which are tokenized as text (`bot.prompting.spans`). For contents
without tags the ids are those of Hugging Face's ``apply_chat_template``, except that contents are
stripped of surrounding white space.
"""

import functools
import re
from array import array
from collections.abc import Iterator, Sequence

from bot.messages import Prompt
from bot.models.folder import ModelFolder
from bot.prompting.jinja_template import ChatTemplate, Part, Slot, TemplateRefusal
from bot.prompting.spans import SegmentTokenizer, Span
from bot.prompting.thinking import ThinkingTags
from bot.prompting.tokenizer import TextTokenizer
from bot.prompting.tokenizer_json import ControlToken

_CACHED_SEGMENTS = 1024

# Turn markers that a template writes as plain text: <|user|>, [INST], <<SYS>>, </s> …
_MARKER = re.compile(r"<{1,2}[^<>\s]{1,40}>{1,2}|\[/?[A-Z][A-Z_]*\]")
# … and labels right before a content: "USER:", "### Instruction:".
_LABEL = re.compile(r"(#{2,} ?\w[\w ]*:?|\b[A-Z]\w*:)\s*$")

_Segment = tuple[Span, ...]


class TemplateFormat:
    """`bot.prompting.formats.PromptFormat` of a Jinja chat template.

    For a template without a system role, the system prompt is prepended to the first question.
    """

    def __init__(self, folder: ModelFolder, tokenizer: TextTokenizer) -> None:
        """Raises ModelError where the template is invalid or refuses an ordinary conversation."""
        self.tokenizer = tokenizer
        self.thinking: ThinkingTags | None = None
        self._template = ChatTemplate(folder)
        self._folds_system = not self._takes_system()
        sample = self._sample()
        self.ends = frozenset(folder.eos) | self._closing_token(sample)
        self._segments = SegmentTokenizer(tokenizer, _tags(sample, tokenizer))
        self._answer_prefix = self._space_before_answer()
        self._encode_segment = functools.lru_cache(_CACHED_SEGMENTS)(self._encode_uncached)

    def opens_thought(self, prompt: Prompt) -> bool:
        return self.thinking is not None and bool(prompt.thought) and not prompt.answer

    def encode(self, prompt: Prompt) -> list[int]:
        ids: list[int] = []
        for part in self._encoded(prompt):
            # Some templates write BOS twice: by name, and by a default in front of the first turn.
            if len(ids) == 1 and len(part) == 1 and ids[0] == part[0] == self.tokenizer.added_bos:
                continue
            ids.extend(part)
        return ids

    def count(self, prompt: Prompt) -> int:
        return len(self.encode(prompt))

    def is_rendered(self, prompt: Prompt) -> bool:
        """Whether the template was rendered for a conversation of this shape before, so that
        `encode` need not start a process."""
        roles, _ = self._messages(prompt)
        return self._template.is_cached(roles, answer_next=True)

    def encode_completion(self, text: str) -> list[int]:
        bos = self.tokenizer.added_bos
        return [*([] if bos is None else [bos]), *self.tokenizer.encode_text(text, start=True)]

    # ------------------------------------------------------------ a prompt

    def _encoded(self, prompt: Prompt) -> Iterator["array[int]"]:
        """The ids of each special token and of each segment, in order."""
        for place, part in enumerate(_segments(self._spans(prompt), self.tokenizer)):
            if isinstance(part, ControlToken):
                yield array("I", [part.id])
            else:
                start = place == 0 or self.tokenizer.prefix_after_control
                yield self._encode_segment(part, start)

    def _encode_uncached(self, segment: _Segment, start: bool) -> "array[int]":
        return array("I", self._segments.encode(segment, start=start))

    def _spans(self, prompt: Prompt) -> Iterator[Span]:
        roles, contents = self._messages(prompt)
        for part in self._template.render(roles, answer_next=True):
            if isinstance(part, Slot):
                yield Span(contents[part.message])
            else:
                yield Span(part, trusted=True)
        if prompt.answer.strip():
            yield Span(self._answer_prefix, trusted=True)
            yield Span(prompt.answer.lstrip())

    def _messages(self, prompt: Prompt) -> tuple[list[str], list[str]]:
        """The roles and the contents of the messages: two lists of equal length."""
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

    # ------------------------------------------------------------ properties of the template

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
        """The special token that ends an answer in this template; empty where it ends otherwise."""
        answer = 1 if self._folds_system else 2
        after = sample[sample.index(Slot(answer)) + 1]
        parts = self.tokenizer.split_control(after) if isinstance(after, str) else []
        for part in parts:
            if isinstance(part, ControlToken):
                return frozenset([part.id])
            if part.strip():
                break
        return frozenset()

    def _space_before_answer(self) -> str:
        """The white space that the template writes before a finished answer but not in the
        generation prompt, as in Mistral's ``[/INST] answer``: the model generates it itself."""
        finished = self._template.render(["user", "assistant", "user"], answer_next=True)
        fresh = self._template.render(["user"], answer_next=True)
        between = finished[finished.index(Slot(0)) + 1]
        before = fresh[-1]
        if isinstance(between, str) and isinstance(before, str) and between.startswith(before):
            space = between[len(before) :]
            return space if space.isspace() else ""
        return ""


def _segments(spans: Iterator[Span], tokenizer: TextTokenizer) -> list[ControlToken | _Segment]:
    """The conversation split at the special tokens in the template's own text.

    White space beside a token is dropped where its ``lstrip`` or ``rstrip`` says so, as the
    tokenizers library does.
    """
    parts: list[ControlToken | list[Span]] = []
    strip = False
    for span in spans:
        for piece in tokenizer.split_control(span.text) if span.trusted else [span.text]:
            last = parts[-1] if parts else None
            if isinstance(piece, ControlToken):
                if piece.strips_left and isinstance(last, list):
                    _strip_end(last)
                parts.append(piece)
                strip = piece.strips_right
                continue
            text = piece.lstrip() if strip else piece
            strip = strip and not text
            if text and isinstance(last, list):
                last.append(Span(text, span.trusted))
            elif text:
                parts.append([Span(text, span.trusted)])
    return [part if isinstance(part, ControlToken) else tuple(part) for part in parts if part]


def _strip_end(segment: list[Span]) -> None:
    while segment:
        last = segment.pop()
        if text := last.text.rstrip():
            segment.append(Span(text, last.trusted))
            return


def _tags(sample: Sequence[Part], tokenizer: TextTokenizer) -> set[str]:
    """The turn markers that the template writes as plain text: user input must not produce them."""
    tags: set[str] = set()
    for part in sample:
        if isinstance(part, Slot):
            continue
        for text in tokenizer.split_control(part):
            if isinstance(text, str):
                tags.update(_MARKER.findall(text))
                tags.update(_LABEL.findall(text))
    return tags
