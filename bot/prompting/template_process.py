"""The process in which a model's chat template is rendered: `template_worker` starts it.

A template comes with a downloaded model and is a program: it may loop without end or build strings
of gigabytes, and Jinja2's sandbox bounds neither. Only the operating system can end such work, so
the template runs here, under limits of memory and of CPU time for each rendering, and with nothing
to steal: no secrets in the environment, nothing on the disk that it could reach.

Standard input and output are JSON objects, one a line. The first line in is ``{"source",
"special_tokens", "seconds", "bytes"}``, and its answer ``{}`` or ``{"broken", "line"}``. Then each
line is a rendering: ``messages`` (see `_message`), ``answer_next``, ``variables`` and ``lists``;
its answer is ``{"parts", "checks", "opaque", "times"}``, ``{"refused"}`` or ``{"broken"}``. A part
is [text, trusted, view or null]; views and checks are those of `bot.prompting.text_trace`. The
process ends with its input, or where a limit is exceeded.
"""

import itertools
import json
import math
import signal
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import jinja2

from bot.prompting import text_trace, traced_text
from bot.prompting.template_environment import Clock, Refused, TemplateEnvironment, TooLarge
from bot.prompting.traced_text import Text, literal

LONGEST_TEXT = 4_000_000
"""Characters of one rendering."""
MOST_PARTS = 100_000
"""Runs of characters of one origin in it."""
MOST_VIEWS = 8
"""Times that it may write contents, for each message, and hold for other contents, too: those may
be longer."""

_Answer = dict[str, Any]


def main() -> None:
    """Answer the lines on standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that started this one
    first = json.loads(sys.stdin.readline())
    _limit_memory(first["bytes"])
    _limit_time(first["seconds"])
    clock = Clock()
    try:
        template = TemplateEnvironment(clock).from_string(first["source"])
    except jinja2.TemplateSyntaxError as error:
        _say({"broken": line_of(error), "line": error.lineno})
        return
    except Exception as error:
        _say({"broken": line_of(error)})
        return
    _say({})
    tokens = {name: literal(text) for name, text in first["special_tokens"].items()}
    for line in sys.stdin:
        _limit_time(first["seconds"])
        _say(_rendered(template, tokens, json.loads(line), clock, first["bytes"]))


def _limit_memory(size: int) -> None:
    """Refuse this process more than `size` bytes of memory. Windows cannot."""
    try:
        import resource
    except ImportError:
        return
    _set(resource, resource.RLIMIT_AS, size)


def _limit_time(seconds: int) -> None:
    """Let the kernel end this process after `seconds` more of CPU time (up to one more, because it
    counts whole ones). Windows cannot; there, the parent's timeout alone ends it."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set(resource, resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime) + seconds)


def _set(resource: Any, kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (most, hard))


def _rendered(
    template: jinja2.Template,
    tokens: Mapping[str, Text],
    request: Mapping[str, Any],
    clock: Clock,
    size: int,
) -> _Answer:
    numbers = itertools.count()
    clock.times.clear()
    trace = text_trace.begin()
    try:
        messages = [_message(m, numbers, lists=request["lists"]) for m in request["messages"]]
        text = template.render(
            **tokens
            | request["variables"]
            | {
                "messages": messages,
                "tools": None,
                "documents": None,
                "add_generation_prompt": request["answer_next"],
            }
        )
        parts = _parts(text)
        if sum(part[2] is not None for part in parts) > MOST_VIEWS * (1 + len(messages)):
            trace.opaque = True
    except Refused as error:
        answer: _Answer = {"refused": line_of(error)}
    except MemoryError:
        answer = {"broken": f"it needs more than {size >> 20} MB of memory"}
    # A template is a program that may raise anything.
    except Exception as error:
        answer = {"broken": line_of(error)}
    else:
        answer = {"parts": [[*part[:2], None] for part in parts] if trace.opaque else parts}
    return answer | {"checks": list(trace.checks), "opaque": trace.opaque, "times": clock.times}


def _parts(text: str) -> list[list[Any]]:
    """The pieces of a rendering; adjacent ones of the template's own text are joined."""
    if str.__len__(text) > LONGEST_TEXT:
        raise TooLarge(f"it writes more than {LONGEST_TEXT:,} characters")
    parts: list[list[Any]] = []
    for piece in traced_text.pieces_of(text):
        if piece.origin is None and parts and parts[-1][1:] == [piece.trusted, None]:
            parts[-1][0] += piece.text
        elif len(parts) == MOST_PARTS:
            raise TooLarge(f"it writes contents more than {MOST_PARTS:,} times")
        else:
            parts.append([piece.text, piece.trusted, piece.origin])
    return parts


def _message(message: Mapping[str, Any], numbers: Iterator[int], *, lists: bool) -> dict[str, Any]:
    """The message that the template gets.

    ``content`` is a list of [text, trusted], of which each untrusted one is a content with the next
    number. ``thought`` is the next content, where there is one, in the ``fields``. `lists`:
    contents as lists of parts.
    """
    parts = [
        literal(text) if trusted else traced_text.content(text, next(numbers))
        for text, trusted in message["content"]
    ]
    content = traced_text.concat(parts)
    made: dict[str, Any] = {
        "role": literal(message["role"]),
        "content": [{"type": literal("text"), "text": content}] if lists else content,
    }
    if message["thought"]:
        thought = traced_text.content(message["thought"], next(numbers))
        made |= dict.fromkeys(message["fields"], thought)
    return made


def _say(answer: _Answer) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def line_of(error: Exception) -> str:
    """The error's text, short and in one line."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    first = str(error).strip().partition("\n")[0]
    return " ".join(first.split()).rstrip(".")[:300] or type(error).__name__


if __name__ == "__main__":
    main()
