"""Renders a model's chat template without passing it any text that people or the model wrote.

The template is rendered in Jinja2's sandbox with a random placeholder instead of each message's
content, and the result is split at the placeholders. So ``{{`` in user input is never evaluated,
and the template's own text is told apart from contents to the character.

The Jinja environment is Hugging Face's: ``trim_blocks``, ``lstrip_blocks``, loop controls,
``raise_exception``, ``strftime_now``, a ``tojson`` that keeps Unicode, and ``{% generation %}``
(huggingface/transformers, ``utils/chat_template_utils.py``).
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox

from bot.errors import ModelError
from bot.models.folder import ModelFolder


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a message's content in the rendered text."""

    message: int
    """Index in the list of messages."""


Part = str | Slot
"""Text of the template itself, or the place of a content."""


class ChatTemplate:
    """A model's chat template, compiled. Thread-safe."""

    def __init__(self, folder: ModelFolder) -> None:
        """Raises ModelError, naming the file, where the template is not valid Jinja."""
        self._file = folder.chat_template_file
        self._globals = dict(folder.special_tokens)
        try:
            self._template = _environment().from_string(folder.chat_template or "")
        except jinja2.TemplateError as error:
            raise self._broken(error) from error

    def render(self, roles: Sequence[str], *, answer_next: bool) -> list[Part]:
        """The template rendered for messages with these roles, in order of the text.

        `answer_next` is Hugging Face's ``add_generation_prompt``: the text after which the model
        generates its answer. Raises ModelError where rendering fails, and `TemplateRefusal` where
        the template rejects the roles or leaves out one of the messages.
        """
        mark = secrets.token_hex(16)  # unpredictable: user input cannot contain it
        messages = [
            {"role": role, "content": f"{mark}x{place}y"} for place, role in enumerate(roles)
        ]
        try:
            text = self._template.render(
                messages=messages,
                tools=None,
                documents=None,
                add_generation_prompt=answer_next,
                **self._globals,
            )
        except _RefusedError as error:
            raise TemplateRefusal(
                f"The chat template in {self._file} refuses an ordinary conversation "
                f"({_line(error)}): take the template of the original model."
            ) from error
        # A template is a program that may raise anything.
        except Exception as error:
            raise self._broken(error) from error
        parts = _cut(text, mark)
        shown = [part.message for part in parts if isinstance(part, Slot)]
        missing = [place for place in range(len(roles)) if place not in shown]
        if missing:
            raise TemplateRefusal(
                f"The chat template in {self._file} leaves out messages of the role "
                f"“{roles[missing[0]]}”: take the template of the original model."
            )
        return parts

    def _broken(self, error: Exception) -> ModelError:
        reason = _line(error) or type(error).__name__
        line = f", line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        return ModelError(
            f"The chat template in {self._file} cannot be used ({reason}{line}): take the "
            "template of the original model."
        )


class TemplateRefusal(ModelError):
    """The template does not support these roles."""


class _RefusedError(Exception):
    """What a template's ``raise_exception`` raises."""


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")


def _cut(text: str, mark: str) -> list[Part]:
    """`text` split at the placeholders."""
    head, *rest = text.split(f"{mark}x")
    parts: list[Part] = [head] if head else []
    for piece in rest:
        place, _, own = piece.partition("y")
        parts.append(Slot(int(place)))
        if own:
            parts.append(own)
    return parts


def _environment() -> jinja2.sandbox.ImmutableSandboxedEnvironment:
    # No escaping: the text is a prompt, not HTML.
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        extensions=[jinja2.ext.loopcontrols, _Generation],
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _raise_exception(message: str) -> None:
    raise _RefusedError(message)


def _strftime_now(pattern: str) -> str:
    # Local time, as in Hugging Face's implementation.
    return datetime.now().astimezone().strftime(pattern)


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
