"""How a chat template writes what the model thinks before it answers.

Templates take a thought in one of two ways: in a field of its own (``reasoning_content``), or at
the beginning of the content, between ``<think>`` and ``</think>``, where the template looks for it.
`find_thinking` tries both and reads the tags from what the template writes.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from bot.errors import ModelError
from bot.prompting.jinja_template import Message
from bot.prompting.spans import Span

OPENING, CLOSING = "<think>", "</think>"
"""The tags of templates that look for a thought in the content."""

_KNOWN = (
    # Opening, closing, and the white space that models write inside and after them.
    (OPENING, CLOSING, "\n", "\n", "\n\n"),
    ("<|channel>thought", "<channel|>", "\n", "\n", ""),  # Gemma 4
    ("<|START_THINKING|>", "<|END_THINKING|>", "", "", ""),  # Command R7B and A
    ("<|inner_prefix|>", "<|inner_suffix|>", "", "", ""),  # Apertus
    ("[THINK]", "[/THINK]", "", "", ""),  # Magistral, Ministral
)
"""Tags that a template names without writing an ordinary answer's thought; from the original
templates of these models."""

FIELDS = ("reasoning_content", "thinking", "reasoning", "thought")
"""All names by which templates know a thought."""

Render = Callable[[Sequence[Message], bool], list[Span]]
"""The rendering of messages; the second argument is whether the model's answer comes next."""

_TAG = re.compile(r"(?:<[^<>\s]+>|\[[^\[\]\s]+\])$")


class ThoughtPlace(Enum):
    """Where a template looks for the thought of an earlier answer."""

    FIELD = auto()
    CONTENT = auto()
    NOWHERE = auto()
    """Thoughts are left out."""


@dataclass(frozen=True, slots=True)
class ThinkingTags:
    """The text around a thought, as the model's chat template writes it.

    An answer with a thought is the generation prompt, ``before``, the thought, ``between`` and the
    answer. ``opening`` and ``closing`` are the tags in the two without white space around them,
    such as ``<think>`` and ``</think>``; they are what the model itself generates.
    """

    opening: str
    closing: str
    before: str
    """What stands between the generation prompt and the thought, white space included, where the
    generation prompt does not open the thought."""
    between: str
    """What stands between the thought and the answer, white space included."""
    opened: bool
    """Whether the generation prompt opens the thought, so that the model generates only the closing
    tag. It may depend on template variables: see ``PromptFormat.opens_thought``."""
    opening_ids: tuple[int, ...] = ()
    """The token ids of ``opening``; a single one where the tokenizer has a token for it."""
    closing_ids: tuple[int, ...] = ()
    """The token ids of ``closing``."""
    between_ids: tuple[int, ...] = ()
    """The token ids of ``between``: appended to a thought, they make the model answer."""

    def is_open(self, tail: str) -> bool:
        """Whether the template's own text `tail`, the end of a prompt, ends inside a thought."""
        return tail.rfind(self.opening) > tail.rfind(self.closing)

    def skipped(self, tail: str) -> str:
        """`tail` without an empty thought at its end, which a prompt has so that the model answers
        at once."""
        begin = tail.rfind(self.opening)
        end = tail.rfind(self.closing)
        if 0 <= begin <= end and not tail[begin + len(self.opening) : end].strip():
            return tail[:begin]
        return tail

    def begun(self, tail: str) -> str:
        """`tail`, the end of a prompt, with the thought opened where it is not yet."""
        if self.is_open(tail):
            return tail
        header = self.skipped(tail)
        return header + (self.before if header == tail else self.before.lstrip())


def messages_with(question: str, answer: str, thought: str, place: ThoughtPlace) -> list[Message]:
    """A question and its answer with a thought in this place."""
    return [Message("user", (Span(question),)), answer_message(answer, thought, place)]


def answer_message(answer: str, thought: str, place: ThoughtPlace) -> Message:
    """An answer; its `thought` where the template looks for it."""
    if not thought or place is ThoughtPlace.NOWHERE:
        return Message("assistant", (Span(answer),))
    if place is ThoughtPlace.FIELD:
        return Message("assistant", (Span(answer),), thought)
    begin, end = Span(f"{OPENING}\n", trusted=True), Span(f"\n{CLOSING}\n\n", trusted=True)
    return Message("assistant", (begin, Span(thought), end, Span(answer)))


# ---------------------------------------------------------------- finding them

_QUESTION, _THOUGHT, _ANSWER = "qzquestion", "qzthought", "qzanswer"
"""Texts that no template writes itself or looks for."""


def thought_place(render: Render) -> ThoughtPlace:
    """Where the template looks for a thought."""
    plain = _renderings(render, "", ThoughtPlace.NOWHERE)
    if _renderings(render, _THOUGHT, ThoughtPlace.FIELD) != plain:
        return ThoughtPlace.FIELD
    verbatim = [
        text and text.replace(_ANSWER, f"{OPENING}\n{_THOUGHT}\n{CLOSING}\n\n{_ANSWER}")
        for text in plain
    ]
    found = _renderings(render, _THOUGHT, ThoughtPlace.CONTENT)
    return ThoughtPlace.NOWHERE if found == verbatim else ThoughtPlace.CONTENT


def find_thinking(render: Render, place: ThoughtPlace, source: str) -> ThinkingTags | None:
    """The tags around a thought; None for a template that has none. `render` gives the template a
    thought in all fields that templates know."""
    prompt = _tail(_or_nothing(render, [Message("user", (Span(_QUESTION),))], answer_next=True))
    shown = place if place is ThoughtPlace.CONTENT else ThoughtPlace.FIELD
    answered = messages_with(_QUESTION, _ANSWER, _THOUGHT, shown)
    text = _text(_or_nothing(render, answered, answer_next=False))
    begin, end = text.find(_THOUGHT), text.rfind(_ANSWER)
    if 0 <= begin < end:
        before = text[text.rfind(_QUESTION, 0, begin) + len(_QUESTION) : begin]
        between = text[begin + len(_THOUGHT) : end]
        if between.strip():
            return _tags(prompt, before, between)
    for opening, closing, inside, left, after in _KNOWN:
        # It leaves thoughts out of earlier answers, and the tags are those that it looks for.
        if opening in source and closing in source:
            tags = ThinkingTags(opening, closing, opening + inside, left + closing + after, False)
            return replace(tags, opened=tags.is_open(prompt))
    return None


def _tags(prompt: str, before: str, between: str) -> ThinkingTags | None:
    """`prompt` and `before` are what the template writes between the question and where the answer
    or the thought begins."""
    closing = between.strip()
    if before.startswith(prompt) and (added := before[len(prompt) :]).strip():
        return ThinkingTags(added.strip(), closing, added, between, opened=False)
    tag = _TAG.search(before.rstrip())
    if tag is None:
        return None
    added = before[tag.start() :]
    made = ThinkingTags(tag.group(), closing, added, between, opened=False)
    return replace(made, opened=made.is_open(prompt))


def _renderings(render: Render, thought: str, place: ThoughtPlace) -> list[str | None]:
    """An answer with a thought, as the last message and before another question."""
    answered = messages_with(_QUESTION, _ANSWER, thought, place)
    asked = [*answered, Message("user", (Span("qznext"),))]
    found = [_or_nothing(render, answered, answer_next=False)]
    found.append(_or_nothing(render, asked, answer_next=True))
    return [None if spans is None else _text(spans) for spans in found]


def _or_nothing(
    render: Render, messages: Sequence[Message], *, answer_next: bool
) -> list[Span] | None:
    try:
        return render(messages, answer_next)
    except ModelError:
        return None


def _text(spans: Sequence[Span] | None) -> str:
    return "".join(span.text for span in spans or ())


def _tail(spans: Sequence[Span] | None) -> str:
    return spans[-1].text if spans and spans[-1].trusted else ""
