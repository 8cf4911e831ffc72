"""Renders a model's chat template without passing it any text that people or the model wrote.

The template is rendered with a random placeholder instead of each message's content, and the
result is split at the placeholders. So ``{{`` in user input is never evaluated, and the template's
own text is told apart from contents to the character.

A rendering depends only on the roles of the messages. It is made in a process with limits
(`bot.prompting.template_process`) and cached; one process, which lives for a tenth of a second,
renders the following turns of a conversation too.
"""

import importlib.util
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.environment import worker_environment
from bot.errors import ModelError
from bot.models.folder import ModelFolder

LONGEST_SOURCE = 500_000
"""Characters of a template."""
CPU_SECONDS = 5
"""CPU time that one process may take; a rendering takes some milliseconds."""
PATIENCE = 60.0
"""Seconds after which the process is killed wherever the system does not limit its CPU time."""
MEMORY = 512 << 20
"""Bytes of address space that it may take, on systems that can limit it."""

_SCRIPT = Path(__file__).with_name("template_process.py")
_FIRST = 8
"""Turns for which a conversation is rendered when the template is loaded."""
_AHEAD = 32
"""Turns for which it is rendered beyond the first one that is missing."""
_CACHED = 512


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a message's content in the rendered text."""

    message: int
    """Index in the list of messages."""


Part = str | Slot
"""Text of the template itself, or the place of a content."""

_Shape = tuple[tuple[str, ...], bool]
"""The roles of the messages, and whether the model's answer comes next."""


@dataclass(frozen=True, slots=True)
class _Rendering:
    """What came of one shape: parts, a refusal, or a fault."""

    parts: tuple[Part, ...] = ()
    times: Mapping[str, str] = field(default_factory=dict)
    """The local time by pattern, where the template writes it."""
    refused: str = ""
    broken: str = ""

    def is_current(self) -> bool:
        """Whether the times that the template wrote are still right."""
        now = datetime.now().astimezone()
        return all(now.strftime(pattern) == text for pattern, text in self.times.items())


class ChatTemplate:
    """A model's chat template. Thread-safe."""

    def __init__(self, folder: ModelFolder) -> None:
        """Compiles the template and renders the first turns of a conversation, in a process.
        Blocks. Raises ModelError, naming the file, where the template is not valid Jinja."""
        self._file = folder.chat_template_file
        self._source = folder.chat_template or ""
        self._special_tokens = dict(folder.special_tokens)
        self._lock = threading.Lock()
        self._renderings: OrderedDict[_Shape, _Rendering] = OrderedDict()
        if len(self._source) > LONGEST_SOURCE:
            raise self._broken(f"it has more than {LONGEST_SOURCE:,} characters")
        self._render_all(list(_first_shapes()))

    def render(self, roles: Sequence[str], *, answer_next: bool) -> list[Part]:
        """The template rendered for messages with these roles, in order of the text.

        `answer_next` is Hugging Face's ``add_generation_prompt``: the text after which the model
        generates its answer. Blocks for the time of a process where `is_cached` is False. Raises
        ModelError where rendering fails or exceeds a limit, and `TemplateRefusal` where the
        template rejects the roles or leaves out one of the messages.
        """
        shape = (tuple(roles), answer_next)
        rendering = self._cached(shape)
        if rendering is None:
            with self._lock:
                if (rendering := self._cached(shape)) is None:
                    self._render_all(list(_shapes_from(shape)))
                    rendering = self._renderings[shape]
        if rendering.refused:
            raise TemplateRefusal(
                f"The chat template in {self._file} refuses an ordinary conversation "
                f"({rendering.refused}): take the template of the original model."
            )
        if rendering.broken:
            raise self._broken(rendering.broken)
        self._require_all(rendering.parts, roles)
        return list(rendering.parts)

    def is_cached(self, roles: Sequence[str], *, answer_next: bool) -> bool:
        """Whether `render` returns at once."""
        return self._cached((tuple(roles), answer_next)) is not None

    def _cached(self, shape: _Shape) -> _Rendering | None:
        rendering = self._renderings.get(shape)
        return rendering if rendering is not None and rendering.is_current() else None

    def _render_all(self, shapes: Sequence[_Shape]) -> None:
        """Render `shapes` in one process, as far as its limits go, the first one for certain.
        Raises ModelError where the template cannot be compiled."""
        mark = secrets.token_hex(16)  # unpredictable: user input cannot contain it
        request = {
            "source": self._source,
            "special_tokens": self._special_tokens,
            "mark": mark,
            "shapes": shapes,
            "seconds": CPU_SECONDS,
            "bytes": MEMORY,
        }
        lines, failure = _run(request)
        compiled, *rendered = lines or [{"broken": failure or "its process said nothing"}]
        if "broken" in compiled:
            line = f", line {compiled['line']}" if "line" in compiled else ""
            raise self._broken(f"{compiled['broken']}{line}")
        found = [_rendering(line, mark) for line in rendered]
        if failure or not found:
            found.append(_Rendering(broken=failure or "its process said nothing"))
        self._renderings.update(zip(shapes, found, strict=False))
        while len(self._renderings) > _CACHED:
            self._renderings.popitem(last=False)

    def _require_all(self, parts: Sequence[Part], roles: Sequence[str]) -> None:
        shown = {part.message for part in parts if isinstance(part, Slot)}
        for place, role in enumerate(roles):
            if place not in shown:
                raise TemplateRefusal(
                    f"The chat template in {self._file} leaves out messages of the role "
                    f"“{role}”: take the template of the original model."
                )

    def _broken(self, reason: str) -> ModelError:
        return ModelError(
            f"The chat template in {self._file} cannot be used ({reason}): take the "
            "template of the original model."
        )


class TemplateRefusal(ModelError):
    """The template does not support these roles."""


# ---------------------------------------------------------------- which conversations


def _first_shapes() -> Iterator[_Shape]:
    for turns in range(_FIRST):
        later = ("assistant", "user") * turns
        yield ("system", "user", *later), True
        yield ("user", *later), True


def _shapes_from(shape: _Shape) -> Iterator[_Shape]:
    """`shape`, and the same conversation with further turns."""
    yield shape
    roles, answer_next = shape
    if answer_next and roles[-1:] == ("user",):
        for turns in range(1, _AHEAD + 1):
            yield (*roles, *("assistant", "user") * turns), True


def _rendering(line: dict[str, Any], mark: str) -> _Rendering:
    if "text" in line:
        return _Rendering(parts=tuple(_cut(line["text"], mark)), times=line["times"])
    return _Rendering(refused=line.get("refused", ""), broken=line.get("broken", ""))


def _cut(text: str, mark: str) -> Iterator[Part]:
    """`text` split at the placeholders."""
    head, *rest = text.split(f"{mark}x")
    if head:
        yield head
    for piece in rest:
        place, _, own = piece.partition("y")
        yield Slot(int(place))
        if own:
            yield own


# ---------------------------------------------------------------- the process


def _run(request: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The lines of one process, and why it ended before it was done; "" where it was done."""
    paths = {_folder_of(package) for package in ("jinja2", "markupsafe")}
    try:
        done = subprocess.run(  # noqa: S603 - Parley's own script
            [sys.executable, "-S", "-P", "-X", "utf8", str(_SCRIPT)],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            env=worker_environment(os.environ) | {"PYTHONPATH": os.pathsep.join(sorted(paths))},
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        return _lines(exc.stdout or b""), f"it takes longer than {PATIENCE:g} seconds"
    except OSError as exc:
        return [], f"its process cannot be started: {exc.strerror}"
    return _lines(done.stdout), _failure(done.returncode)


def _folder_of(package: str) -> str:
    """The folder that contains the package, without importing it."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parents[1])


def _lines(output: bytes) -> list[dict[str, Any]]:
    whole, _, _ = output.rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]


def _failure(code: int) -> str:
    if code == 0:
        return ""
    if code == -getattr(signal, "SIGXCPU", 0):
        return f"it takes longer than {CPU_SECONDS} seconds"
    return f"its process ended with exit code {code}"
