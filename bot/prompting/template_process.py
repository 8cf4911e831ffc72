"""The process in which a model's chat template is rendered: a script that `jinja_template` starts.

A template comes with a downloaded model and is a program: it may loop without end or build strings
of gigabytes, and Jinja2's sandbox bounds neither. Only the operating system can end such work, so
the template runs here, under limits of CPU time and memory. The process imports nothing of Parley
and gets no message of anybody's: contents are placeholders.

Standard input is one JSON object: ``source``, ``special_tokens``, ``mark``, ``shapes`` (a list of
[roles, add_generation_prompt]), ``seconds`` and ``bytes``. Standard output has one JSON object a
line, flushed at once: first {} or {"broken", "line"} for the compilation, then for each shape in
order {"text", "times"}, {"refused"} or {"broken"}. A process that ends without its lines exceeded
a limit.

The Jinja environment is Hugging Face's: ``trim_blocks``, ``lstrip_blocks``, loop controls,
``raise_exception``, ``strftime_now``, a ``tojson`` that keeps Unicode, and ``{% generation %}``
(huggingface/transformers, ``utils/chat_template_utils.py``).
"""

import json
import signal
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox

LONGEST_TEXT = 4_000_000
"""Characters of one rendering."""
LONGEST_PATTERN = 200
"""Characters of a pattern of ``strftime_now``."""

_Answer = dict[str, Any]


class Refused(Exception):
    """What a template's ``raise_exception`` raises."""


class _TooLarge(Exception):
    """The template exceeds one of the limits above."""


def main() -> None:
    """Answer the request on standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that started this one
    request = json.load(sys.stdin)
    _limit(request["seconds"], request["bytes"])
    clock = Clock()
    try:
        template = environment(clock).from_string(request["source"])
    except jinja2.TemplateSyntaxError as error:
        _say({"broken": line_of(error), "line": error.lineno})
        return
    except Exception as error:
        _say({"broken": line_of(error)})
        return
    _say({})
    written = 0
    for roles, answer_next in request["shapes"]:
        answer = _rendered(template, request, roles, answer_next, clock)
        _say(answer)
        written += len(answer.get("text", ""))
        if written > LONGEST_TEXT:
            return


def _limit(seconds: int, size: int) -> None:
    """Let the kernel end this process after `seconds` of CPU time, and refuse it more than `size`
    bytes of memory. Windows has neither; there, the parent's timeout alone ends it."""
    try:
        import resource
    except ImportError:
        return
    for kind, wanted in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, size)):
        _, hard = resource.getrlimit(kind)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (most, hard))


def _rendered(
    template: jinja2.Template,
    request: Mapping[str, Any],
    roles: list[str],
    answer_next: bool,
    clock: "Clock",
) -> _Answer:
    mark = request["mark"]
    messages = [{"role": role, "content": f"{mark}x{place}y"} for place, role in enumerate(roles)]
    clock.times.clear()
    try:
        text = template.render(
            messages=messages,
            tools=None,
            documents=None,
            add_generation_prompt=answer_next,
            **request["special_tokens"],
        )
        if len(text) > LONGEST_TEXT:
            raise _TooLarge(f"it writes more than {LONGEST_TEXT:,} characters")
    except Refused as error:
        return {"refused": line_of(error)}
    except MemoryError:
        return {"broken": f"it needs more than {request['bytes'] >> 20} MB of memory"}
    # A template is a program that may raise anything.
    except Exception as error:
        return {"broken": line_of(error)}
    return {"text": text, "times": clock.times}


def _say(answer: _Answer) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def line_of(error: Exception) -> str:
    """The error's text, short and in one line."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    first = str(error).strip().partition("\n")[0]
    return " ".join(first.split()).rstrip(".")[:300] or type(error).__name__


# ---------------------------------------------------------------- Hugging Face's environment


class Clock:
    """``strftime_now``, and what it returned: a rendering is out of date when that changes."""

    def __init__(self) -> None:
        self.times: dict[str, str] = {}

    def strftime_now(self, pattern: str) -> str:
        """The local time, as in Hugging Face's implementation."""
        if len(pattern) > LONGEST_PATTERN:
            raise _TooLarge("its pattern for the time is too long")
        text = self.times[pattern] = datetime.now().astimezone().strftime(pattern)
        return text


def environment(clock: Clock) -> jinja2.sandbox.ImmutableSandboxedEnvironment:
    """The environment in which templates are compiled."""
    # No escaping: the text is a prompt, not HTML.
    made = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        extensions=[jinja2.ext.loopcontrols, _Generation],
    )
    made.filters["tojson"] = _to_json
    made.globals["raise_exception"] = _raise_exception
    made.globals["strftime_now"] = clock.strftime_now
    return made


def _raise_exception(message: str) -> None:
    raise Refused(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


class _Generation(jinja2.ext.Extension):
    """``{% generation %}…{% endgeneration %}`` marks answers for training; its body is rendered
    unchanged."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node | list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


if __name__ == "__main__":
    main()
