"""Chat formats given by a model's own chat template.

The template is rendered with the contents themselves (`bot.prompting.jinja_template`), and what it
wrote itself is known to the character. Only that text can name special tokens; they split the
conversation into segments, which are tokenized as text (`bot.prompting.spans`). For contents
without tags the ids are those of Hugging Face's ``apply_chat_template``.
"""

import functools
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bot.errors import ModelError
from bot.messages import Exchange, Prompt
from bot.models.folder import ModelFolder
from bot.prompting.jinja_template import ChatTemplate, Message, Style, TemplateRefusal
from bot.prompting.spans import SegmentTokenizer, Span
from bot.prompting.thinking import (
    FIELDS,
    ThinkingTags,
    answer_message,
    find_thinking,
    thought_place,
)
from bot.prompting.tokenizer import TextTokenizer
from bot.prompting.tokenizer_json import ControlToken

_CACHED_SEGMENTS = 1024
_PREPARED_TURNS = 8
"""Turns for which a conversation is rendered when the template is loaded."""

# Turn markers that a template writes as plain text: <|user|>, [INST], <<SYS>>, </s> …
_MARKER = re.compile(r"<{1,2}[^<>\s]{1,40}>{1,2}|\[/?[A-Z][A-Z_]*\]")
# … and labels right before a content: "USER:", "### Instruction:".
_LABEL = re.compile(r"(#{2,} ?\w[\w ]*:?|\b[A-Z]\w*:)\s*$")

# What the tokenizers library strips beside a token: Unicode's White_Space, which is not Python's.
_WHITE = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)

_Segment = tuple[Span, ...]


class TemplateFormat:
    """`bot.prompting.formats.PromptFormat` of a Jinja chat template.

    For a template without a system role, the system prompt is prepended to the first question.
    """

    def __init__(self, folder: ModelFolder, tokenizer: TextTokenizer) -> None:
        """Raises ModelError where the template is invalid, refuses an ordinary conversation, or
        names special tokens that the model does not have."""
        self.tokenizer = tokenizer
        self._template = ChatTemplate(folder)
        self._template.style = self._find_style()
        self._folds_system = not self._takes_system()
        sample = self._sample()
        self._place = thought_place(self._render)
        self.thinking = self._find_thinking(folder.chat_template or "")
        self._segments = SegmentTokenizer(tokenizer, self._tags(sample))
        self._encode_segment = functools.lru_cache(_CACHED_SEGMENTS)(self._encode_uncached)
        self.ends = frozenset(folder.eos) | self._closing_token(sample)
        self._answer_prefix = self._text_before_answer(sample)
        self._require_known(folder, sample)
        self._prepare()

    def encode(self, prompt: Prompt) -> list[int]:
        ids: list[int] = []
        for part in self._encoded(self._spans(prompt)):
            # Some templates write BOS twice: by name, and by a default in front of the first turn.
            if len(ids) == 1 and len(part) == 1 and ids[0] == part[0] == self.tokenizer.added_bos:
                continue
            ids.extend(part)
        return ids

    def count(self, prompt: Prompt) -> int:
        return len(self.encode(prompt))

    def is_rendered(self, prompt: Prompt) -> bool:
        """Whether a rendering that holds for this prompt is cached, so that `encode` need not wait
        for the template's process."""
        return self._template.is_cached(
            self._messages(prompt), answer_next=True, variables=prompt.template_variables
        )

    def encode_completion(self, text: str) -> list[int]:
        bos = self.tokenizer.added_bos
        return [*([] if bos is None else [bos]), *self.tokenizer.encode_text(text, start=True)]

    def opens_thought(self, prompt: Prompt) -> bool:
        if self.thinking is None or prompt.answer.strip():
            return False
        return bool(prompt.thought) or self.thinking.is_open(_tail(self._rendered(prompt)))

    # ------------------------------------------------------------ a prompt

    def _encoded(self, spans: Iterable[Span]) -> Iterator["array[int]"]:
        """The ids of each special token and of each segment, in order."""
        for place, part in enumerate(_segments(spans, self.tokenizer)):
            if isinstance(part, ControlToken):
                yield array("I", [part.id])
            else:
                start = place == 0 or self.tokenizer.prefix_after_control
                yield self._encode_segment(part, start)

    def _encode_uncached(self, segment: _Segment, start: bool) -> "array[int]":
        return array("I", self._segments.encode(segment, start=start))

    def _spans(self, prompt: Prompt) -> list[Span]:
        spans = self._rendered(prompt)
        if self.thinking is not None and prompt.thought:
            return _with_thought(spans, prompt, self.thinking)
        if not prompt.answer.strip():
            return spans
        prefix = self._answer_prefix
        if self.thinking is not None and self.thinking.is_open(_tail(spans)):
            prefix = self.thinking.between  # an answer without a thought
        return [*spans, Span(prefix, trusted=True), Span(prompt.answer.lstrip())]

    def _rendered(self, prompt: Prompt) -> list[Span]:
        return self._template.render(
            self._messages(prompt), answer_next=True, variables=prompt.template_variables
        )

    def _messages(self, prompt: Prompt) -> list[Message]:
        messages: list[Message] = []
        for past in prompt.history:
            messages.append(Message("user", (Span(past.question),)))
            messages.append(answer_message(past.answer, past.thought, self._place))
        messages.append(Message("user", (Span(prompt.question),)))
        if prompt.system.strip() and self._folds_system:
            first = messages[0].content[0].text
            folded = f"{prompt.system.strip()}\n\n{first}" if first.strip() else prompt.system
            messages[0] = Message("user", (Span(folded),))
        elif prompt.system.strip():
            messages.insert(0, Message("system", (Span(prompt.system),)))
        return messages

    # ------------------------------------------------------------ properties of the template

    def _render(self, messages: Sequence[Message], answer_next: bool) -> list[Span]:
        return self._template.render(messages, answer_next=answer_next)

    def _find_style(self) -> Style:
        """Contents as strings, or where the template does not write those, as lists of parts."""
        messages = _conversation("user")
        reason: ModelError | None = None
        for style in (Style(), Style(lists=True)):
            try:
                spans = self._template.render(messages, answer_next=True, style=style)
            except ModelError as error:
                reason = reason or error
                continue
            if _shows_all(spans, messages):
                return style
        if reason is not None and not isinstance(reason, TemplateRefusal):
            raise reason
        return Style()

    def _takes_system(self) -> bool:
        messages = _conversation("system", "user")
        try:
            return _shows_all(self._render(messages, True), messages)
        except TemplateRefusal:
            return False

    def _sample(self) -> list[Span]:
        """The rendering of an ordinary conversation. Raises ModelError where it lacks messages."""
        roles = ["user", "assistant", "user", "assistant", "user"]
        messages = _conversation(*roles if self._folds_system else ["system", *roles])
        spans = self._render(messages, True)
        for message in messages:
            if not _shows_all(spans, [message]):
                raise self._template.leaves_out(message.role)
        return spans

    def _find_thinking(self, source: str) -> ThinkingTags | None:
        everywhere = Style(lists=self._template.style.lists, fields=FIELDS)

        def render(messages: Sequence[Message], answer_next: bool) -> list[Span]:
            return self._template.render(messages, answer_next=answer_next, style=everywhere)

        found = find_thinking(render, self._place, source)
        return found and replace(
            found,
            opening_ids=self._own_ids(found.opening),
            closing_ids=self._own_ids(found.closing),
            between_ids=self._own_ids(found.between),
        )

    def _own_ids(self, text: str) -> tuple[int, ...]:
        """The ids of the template's own `text` in the middle of a prompt."""
        ids: list[int] = []
        for part in self.tokenizer.split_control(text):
            if isinstance(part, ControlToken):
                ids.append(part.id)
            else:
                ids += self.tokenizer.encode_text(part, start=False)
        return tuple(ids)

    def _tags(self, sample: Sequence[Span]) -> set[str]:
        """The turn markers that the template writes as plain text: user input must not produce
        them."""
        own = [span.text for span in sample if span.trusted]
        if self.thinking is not None:
            own += [self.thinking.before, self.thinking.between, self.thinking.opening]
        tags: set[str] = set()
        for part in own:
            for text in self.tokenizer.split_control(part):
                if isinstance(text, str):
                    tags.update(_MARKER.findall(text))
                    tags.update(_LABEL.findall(text))
        return tags

    def _closing_token(self, sample: Sequence[Span]) -> frozenset[int]:
        """The special token that ends an answer in this template; empty where it ends otherwise, or
        where that token also stands between a thought and its answer."""
        between = () if self.thinking is None else self.thinking.between_ids
        for part in self.tokenizer.split_control(_after(sample, _word("assistant"))):
            if isinstance(part, ControlToken):
                return frozenset([part.id]) - frozenset(between)
            if part.strip():
                break
        return frozenset()

    def _text_before_answer(self, sample: Sequence[Span]) -> str:
        """What the template writes before a finished answer but not in the generation prompt: white
        space, as in Mistral's ``[/INST] answer``, or a tag. The model generates it itself."""
        prompt = _tail(self._render(_conversation("user"), True))
        between = _after(sample, _word("user"))
        if self.thinking is not None and not between.startswith(prompt):
            prompt = self.thinking.skipped(prompt)
        return between[len(prompt) :] if prompt and between.startswith(prompt) else ""

    def _require_known(self, folder: ModelFolder, sample: Sequence[Span]) -> None:
        """Raises ModelError where a special token of the template is beyond the embedding table."""
        if not folder.vocab_size:
            return
        missing = {
            part.text: part.id
            for span in sample
            if span.trusted
            for part in self.tokenizer.split_control(span.text)
            if isinstance(part, ControlToken) and part.id >= folder.vocab_size
        }
        if missing:
            named = ", ".join(f"{text} ({number})" for text, number in missing.items())
            raise ModelError(
                f"The chat template in {folder.chat_template_file} writes special tokens that the "
                f"model in {folder.path} does not have, because its embedding table ends before "
                f"token {folder.vocab_size}: {named}. Use the template and the tokenizer of this "
                "very model."
            )

    def _prepare(self) -> None:
        """Render the first turns of a conversation, so that the event loop need not wait."""
        for turns in range(_PREPARED_TURNS):
            for system in ("", "qzsystem"):
                history = (Exchange("qzquestion", "qzanswer"),) * turns
                try:
                    self._rendered(Prompt(system, history, "qzquestion"))
                except ModelError:
                    return  # a longer conversation is refused when it is asked for


# ---------------------------------------------------------------- ordinary conversations


def _word(role: str, place: int = 0) -> str:
    """The content of an ordinary conversation: a word that no template writes or looks for."""
    return f"qz{role}{place}qz"


def _conversation(*roles: str) -> list[Message]:
    """Messages in these roles, numbered for each role."""
    return [
        Message(role, (Span(_word(role, roles[:place].count(role))),))
        for place, role in enumerate(roles)
    ]


def _shows_all(spans: Sequence[Span], messages: Sequence[Message]) -> bool:
    """Whether all contents are in the rendering, each by itself."""
    shown = {span.text.strip() for span in spans if not span.trusted}
    return all(content in shown for message in messages for content in message.contents)


def _after(sample: Sequence[Span], word: str) -> str:
    """The template's own text after this content; "" where another content follows."""
    place = next(n for n, span in enumerate(sample) if span.text.strip() == word)
    following = sample[place + 1] if place + 1 < len(sample) else None
    return following.text if following is not None and following.trusted else ""


# ---------------------------------------------------------------- a rendered prompt


def _tail(spans: Sequence[Span]) -> str:
    """The template's own text at the end of a prompt."""
    return spans[-1].text if spans and spans[-1].trusted else ""


def _with_thought(spans: Sequence[Span], prompt: Prompt, thinking: ThinkingTags) -> list[Span]:
    """The prompt with the thought so far, and where there is an answer, that after it."""
    begun = Span(thinking.begun(_tail(spans)), trusted=True)
    kept = [*(spans[:-1] if _tail(spans) else spans), begun]
    if not prompt.answer.strip():
        return [*kept, Span(prompt.thought.lstrip())]
    return [
        *kept,
        Span(prompt.thought.strip()),
        Span(thinking.between, trusted=True),
        Span(prompt.answer.lstrip()),
    ]


def _segments(spans: Iterable[Span], tokenizer: TextTokenizer) -> list[ControlToken | _Segment]:
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
            text = piece.lstrip(_WHITE) if strip else piece
            strip = strip and not text
            if text and isinstance(last, list):
                last.append(Span(text, span.trusted))
            elif text:
                parts.append([Span(text, span.trusted)])
    return [part if isinstance(part, ControlToken) else tuple(part) for part in parts if part]


def _strip_end(segment: list[Span]) -> None:
    while segment:
        last = segment.pop()
        if text := last.text.rstrip(_WHITE):
            segment.append(Span(text, last.trusted))
            return
