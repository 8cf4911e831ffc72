"""The Jinja environment in which chat templates are compiled.

It is Hugging Face's: a sandbox, ``trim_blocks``, ``lstrip_blocks``, loop controls,
``raise_exception``, ``strftime_now``, a ``tojson`` that keeps Unicode, and ``{% generation %}``
(huggingface/transformers, ``utils/chat_template_utils.py``). In addition, the compiled template
works on `bot.prompting.traced_text.Text`: its literals are trusted, and filters and tests that do
not follow texts note what they see.

Runs in the process of `bot.prompting.template_process`.
"""

import functools
import json
import types
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import jinja2
import jinja2.compiler
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox

from bot.prompting import traced_text
from bot.prompting.traced_text import Text, literal
from bot.prompting.watched_text import seen

LONGEST_PATTERN = 200
"""Characters of a pattern of ``strftime_now``."""
MOST_TIMES = 20
"""Patterns in one rendering."""

_FOLLOWED_FILTERS = {
    *("trim", "string", "upper", "lower", "capitalize", "replace", "default", "d", "list", "first"),
    *("last", "length", "count", "map", "select", "reject", "selectattr", "rejectattr", "items"),
    *("attr", "batch", "slice", "reverse", "format"),
}
_FOLLOWED_TESTS = {
    *("string", "defined", "undefined", "none", "mapping", "boolean", "true", "false", "integer"),
    *("float", "number", "callable", "eq", "==", "equalto", "ne", "!=", "in", "filter", "test"),
}


class Refused(Exception):
    """What a template's ``raise_exception`` raises."""


class TooLarge(Exception):
    """The template exceeds a limit."""


class Clock:
    """``strftime_now``, and what it returned: a rendering is out of date when that changes."""

    def __init__(self) -> None:
        self.times: dict[str, str] = {}

    def strftime_now(self, pattern: str) -> str:
        """The local time, as in Hugging Face's implementation."""
        if len(pattern) > LONGEST_PATTERN:
            raise TooLarge("its pattern for the time is too long")
        if len(self.times) >= MOST_TIMES:
            raise TooLarge("it writes the time in too many ways")
        wanted = str.__str__(pattern)
        text = self.times[wanted] = datetime.now().astimezone().strftime(wanted)
        return text


class TemplateEnvironment(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Compiles templates that work on `Text`."""

    concat = staticmethod(traced_text.concat)

    def __init__(self, clock: Clock) -> None:
        # No escaping: the text is a prompt, not HTML.
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            extensions=[jinja2.ext.loopcontrols, _Generation],
        )
        self.literals: list[Text] = []
        _note_all_but(_FOLLOWED_FILTERS, self.filters)
        _note_all_but(_FOLLOWED_TESTS, self.tests)
        self.filters["tojson"] = _to_json
        self.filters["join"] = _join
        self.tests["sequence"] = _or_text(jinja2.tests.test_sequence)
        self.tests["iterable"] = _or_text(jinja2.tests.test_iterable)
        self.globals["raise_exception"] = _raise_exception
        self.globals["strftime_now"] = clock.strftime_now

    def literal(self, text: str) -> str:
        """Python source of the template's own `text`."""
        self.literals.append(literal(text))
        return f"environment.literals[{len(self.literals) - 1}]"

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        # What is written in C is not followed, such as a method of a plain string.
        if isinstance(__obj, types.BuiltinFunctionType):
            seen((*args, *kwargs.values()))
        return super().call(__context, __obj, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        safe = super().wrap_str_format(value)
        text = getattr(value, "__self__", None)
        if safe is None or not isinstance(text, Text):
            return safe

        def formatted(*args: Any, **kwargs: Any) -> str:
            values = tuple(arg for arg in args if isinstance(arg, Text))
            if kwargs or value.__name__ != "format" or len(values) < len(args):
                seen((text, *args, *kwargs.values()))
                return str.__str__(safe(*args, **kwargs))
            return traced_text.filled(text, self._format, values)

        return formatted

    def _format(self, pattern: str, arguments: tuple[Any, ...]) -> str:
        method = super().wrap_str_format(pattern.format)
        assert method is not None
        return method(*arguments)


class _Generator(jinja2.compiler.CodeGenerator):
    """Writes string constants as trusted texts."""

    environment: TemplateEnvironment

    # Jinja's names.
    def visit_Const(self, node: jinja2.nodes.Const, frame: jinja2.compiler.Frame) -> None:  # noqa: N802
        self.write(self._source(node.as_const(frame.eval_ctx)))

    def _source(self, value: Any) -> str:
        if isinstance(value, str):
            return self.environment.literal(value)
        if isinstance(value, list | tuple):
            inner = "".join(f"{self._source(item)}, " for item in value)
            return f"[{inner}]" if isinstance(value, list) else f"({inner})"
        if isinstance(value, dict):
            pairs = (f"{self._source(k)}: {self._source(v)}" for k, v in value.items())
            return f"{{{', '.join(pairs)}}}"
        return str(value) if isinstance(value, float) else repr(value)

    def visit_TemplateData(  # noqa: N802
        self, node: jinja2.nodes.TemplateData, frame: jinja2.compiler.Frame
    ) -> None:
        self.write(self.environment.literal(node.as_const(frame.eval_ctx)))

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        return self.environment.literal("".join(map(str, group)))

    def visit_Concat(self, node: jinja2.nodes.Concat, frame: jinja2.compiler.Frame) -> None:  # noqa: N802
        self.write("environment.concat((")
        for argument in node.nodes:
            self.visit(argument, frame)
            self.write(", ")
        self.write("))")


TemplateEnvironment.code_generator_class = _Generator


class _Generation(jinja2.ext.Extension):
    """``{% generation %}…{% endgeneration %}`` marks answers for training; its body is rendered
    unchanged."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node | list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


# ---------------------------------------------------------------- filters and tests


def _note_all_but(followed: set[str], functions: dict[str, Any]) -> None:
    for name, function in functions.items():
        if name not in followed:
            functions[name] = _noting(function)


def _noting(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, noting contents among its arguments. Its results are untrusted."""

    @functools.wraps(function)
    def noting(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            if isinstance(value, Text | list | tuple | dict | types.GeneratorType):
                seen(value)
        return function(*args, **kwargs)

    return noting


def _or_text(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def passes(value: Any) -> bool:
        return isinstance(value, str) or test(value)

    return passes


def _join(value: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
    parts: Iterator[Any] = iter(value)
    if attribute is not None:
        parts = (part[attribute] for part in parts)
    separator = d if isinstance(d, Text) else literal(d)
    return separator.join(part if isinstance(part, str) else str(part) for part in parts)


def _raise_exception(message: str) -> None:
    raise Refused(str.__str__(str(message)))


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    seen(value)
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )
