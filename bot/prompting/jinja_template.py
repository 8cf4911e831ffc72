"""Renders a model's chat template, keeping the template's own text apart from messages' contents.

The template runs in a process with limits (`bot.prompting.template_worker`) and sees the contents
themselves, as in Hugging Face's ``apply_chat_template``. ``{{`` in user input is never evaluated:
contents are values there.

What comes back says for which other contents it holds (`bot.prompting.rendering`), so the process
is only asked where a conversation is longer than any before or a content is of another kind; other
renderings are made of what is cached.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.errors import ModelError
from bot.models.folder import ModelFolder
from bot.prompting.rendering import Rendering
from bot.prompting.spans import Span
from bot.prompting.template_worker import TemplateFault, TemplateWorker

LONGEST_SOURCE = 500_000
"""Characters of a template."""

_CACHED_SHAPES = 512
_CACHED_VARIANTS = 4
"""Renderings of one shape that are kept."""
_CACHED_SIZE = 200_000
"""Parts and checks that are kept; some 100 bytes each."""

Variables = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, as the template gets it."""

    role: str
    content: tuple[Span, ...]
    """Trusted spans are Parley's own, such as tags around a thought."""
    thought: str = ""
    """Given to the template in the fields for reasoning; "" for none."""

    @property
    def contents(self) -> Iterator[str]:
        """What people or the model wrote, in the order of its numbers."""
        yield from (span.text for span in self.content if not span.trusted)
        if self.thought:
            yield self.thought


@dataclass(frozen=True, slots=True)
class Style:
    """How the template wants its messages."""

    lists: bool = False
    """Contents are lists of parts: ``[{"type": "text", "text": "…"}]``."""
    fields: tuple[str, ...] = ("reasoning_content", "thinking")
    """The names by which it gets a thought. Hugging Face fills these two."""


_Shape = tuple[object, ...]


@dataclass(slots=True)
class _Cache:
    """Renderings by shape; the least recently made go first."""

    shapes: OrderedDict[_Shape, tuple[Rendering, ...]] = field(default_factory=OrderedDict)
    size: int = 0

    def find(self, shape: _Shape, contents: Sequence[str]) -> Rendering | None:
        for rendering in self.shapes.get(shape, ()):
            if rendering.holds_for(contents):
                return rendering
        return None

    def add(self, shape: _Shape, rendering: Rendering) -> None:
        others = self.shapes.pop(shape, ())
        self.shapes[shape] = kept = (rendering, *others[: _CACHED_VARIANTS - 1])
        self.size += sum(r.size for r in kept) - sum(r.size for r in others)
        while len(self.shapes) > 1 and (
            self.size > _CACHED_SIZE or len(self.shapes) > _CACHED_SHAPES
        ):
            _, gone = self.shapes.popitem(last=False)
            self.size -= sum(r.size for r in gone)


class ChatTemplate:
    """A model's chat template. Thread-safe."""

    def __init__(self, folder: ModelFolder) -> None:
        """Compiles the template in a process. Blocks. Raises ModelError, naming the file, where it
        is not valid Jinja."""
        self._file = folder.chat_template_file
        source = folder.chat_template or ""
        self._worker = TemplateWorker(source, folder.special_tokens)
        self._lock = threading.Lock()
        self._cache = _Cache()
        self.style = Style()
        if len(source) > LONGEST_SOURCE:
            raise self._broken(f"it has more than {LONGEST_SOURCE:,} characters")
        try:
            self._worker.start()
        except TemplateFault as error:
            raise self._broken(str(error)) from error

    def render(
        self,
        messages: Sequence[Message],
        *,
        answer_next: bool,
        variables: Variables = (),
        style: Style | None = None,
    ) -> list[Span]:
        """The template rendered for these messages.

        `answer_next` is Hugging Face's ``add_generation_prompt``: the text after which the model
        generates its answer. Blocks for the time of a rendering where `is_cached` is False.

        Where the template rejects a content or fails on it, the result is that for ordinary
        contents, with these in their places. Raises ModelError where rendering fails or exceeds a
        limit for those too, and `TemplateRefusal` where the template rejects the messages.
        """
        style = style or self.style
        contents = _contents(messages)
        rendering = self._rendering(messages, answer_next, variables, style)
        if rendering.failed:
            # Because of a content, or always? Nobody may end a conversation by what they write.
            usual = self._rendering(_ordinary(messages), answer_next, variables, style)
            if not usual.failed and usual.contents is None:
                return usual.spans(contents)
        if rendering.refused:
            raise TemplateRefusal(
                f"The chat template in {self._file} refuses an ordinary conversation "
                f"({rendering.refused}): take the template of the original model."
            )
        if rendering.broken:
            raise self._broken(rendering.broken)
        return rendering.spans(contents)

    def is_cached(
        self, messages: Sequence[Message], *, answer_next: bool, variables: Variables = ()
    ) -> bool:
        """Whether `render` returns at once."""
        shape = _shape(messages, answer_next, variables, self.style)
        found = self._cache.find(shape, _contents(messages))
        if found is not None and found.failed:
            found = self._cache.find(shape, _contents(_ordinary(messages)))
        return found is not None

    def _rendering(
        self,
        messages: Sequence[Message],
        answer_next: bool,
        variables: Variables,
        style: Style,
    ) -> Rendering:
        """From the cache, or from the template's process."""
        shape = _shape(messages, answer_next, variables, style)
        contents = _contents(messages)
        if (found := self._cache.find(shape, contents)) is not None:
            return found
        with self._lock:
            if (found := self._cache.find(shape, contents)) is not None:
                return found
            request = _request(messages, answer_next, variables, style)
            made = self._made(request, contents)
            self._cache.add(shape, made)
            return made

    def _made(self, request: Mapping[str, object], contents: Sequence[str]) -> Rendering:
        try:
            return Rendering.read(self._worker.render(request), contents)
        except TemplateFault as error:
            return Rendering(broken=str(error), contents=tuple(contents))
        except (ValueError, TypeError, LookupError):
            return Rendering(broken="its process gave a wrong answer", contents=tuple(contents))

    def leaves_out(self, role: str) -> "TemplateRefusal":
        return TemplateRefusal(
            f"The chat template in {self._file} leaves out messages of the role “{role}”: take the "
            "template of the original model."
        )

    def _broken(self, reason: str) -> ModelError:
        return ModelError(
            f"The chat template in {self._file} cannot be used ({reason}): take the "
            "template of the original model."
        )


class TemplateRefusal(ModelError):
    """The template does not support these messages."""


def _contents(messages: Sequence[Message]) -> list[str]:
    return [content for message in messages for content in message.contents]


def _ordinary(messages: Sequence[Message]) -> list[Message]:
    """The same messages with contents that no template looks for."""
    return [
        replace(
            message,
            content=tuple(
                span if span.trusted else Span(f"text {place} {part}")
                for part, span in enumerate(message.content)
            ),
            thought=message.thought and f"thought {place}",
        )
        for place, message in enumerate(messages)
    ]


def _shape(
    messages: Sequence[Message], answer_next: bool, variables: Variables, style: Style
) -> _Shape:
    """What a rendering depends on apart from contents."""
    kinds = tuple(
        (m.role, tuple(span.text if span.trusted else None for span in m.content), bool(m.thought))
        for m in messages
    )
    return kinds, answer_next, json.dumps(variables, sort_keys=True) if variables else "", style


def _request(
    messages: Sequence[Message], answer_next: bool, variables: Variables, style: Style
) -> dict[str, object]:
    return {
        "messages": [
            {
                "role": message.role,
                "content": [[span.text, span.trusted] for span in message.content],
                "thought": message.thought,
                "fields": style.fields,
            }
            for message in messages
        ],
        "answer_next": answer_next,
        "variables": dict(variables),
        "lists": style.lists,
    }
