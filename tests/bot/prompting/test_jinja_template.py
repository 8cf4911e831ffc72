import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ModelError
from bot.models.folder import ModelFolder
from bot.prompting import jinja_template
from bot.prompting.jinja_template import ChatTemplate, Part, Slot, TemplateRefusal
from tests.tiny_tokenizer import write_model_folder

pytestmark = pytest.mark.process  # each template is rendered in one


def template(folder: Path, source: str) -> ChatTemplate:
    return ChatTemplate(ModelFolder.read(write_model_folder(folder, chat_template=source)))


def render(
    folder: Path, source: str, roles: Sequence[str] = ("user",), *, answer_next: bool = True
) -> list[Part]:
    return template(folder, source).render(roles, answer_next=answer_next)


def test_a_rendering_is_the_templates_text_and_the_places_of_contents(tmp_path: Path) -> None:
    source = (
        "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}\n{% endfor %}"
        "{% if add_generation_prompt %}<model>{% endif %}"
    )
    parts = render(tmp_path, source, ["system", "user"])
    assert parts == ["<s><system>", Slot(0), "\n<user>", Slot(1), "\n<model>"]
    parts = render(tmp_path, source, ["user"], answer_next=False)
    assert parts == ["<s><user>", Slot(0), "\n"]


def test_a_content_may_be_written_twice(tmp_path: Path) -> None:
    source = "{{ messages[0].content }} {{ messages[0].content }}"
    assert render(tmp_path, source) == [Slot(0), " ", Slot(0)]


def test_blocks_leave_no_white_space_of_their_own(tmp_path: Path) -> None:
    source = (
        "{% for m in messages %}\n    {% if true %}\n{{ m.content }}\n    {% endif %}\n{% endfor %}"
    )
    assert render(tmp_path, source) == [Slot(0), "\n"]


def test_what_templates_use_of_hugging_faces_environment_is_there(tmp_path: Path) -> None:
    source = (
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}"
        "{% if loop.first %}{% break %}{% endif %}{% endfor %}"
        "{{ {'ü': [1]} | tojson }} {{ strftime_now('%Y') }} {{ tools is none }}"
    )
    year = str(datetime.now().astimezone().year)
    assert render(tmp_path, source) == [Slot(0), f'{{"ü": [1]}} {year} True']


def test_a_template_that_leaves_a_role_out_refuses_it(tmp_path: Path) -> None:
    with pytest.raises(TemplateRefusal, match="role “system”"):
        render(tmp_path, "{{ messages[1].content }}", ["system", "user"])


def test_what_a_template_refuses_is_reported_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(
        TemplateRefusal, match=r"tokenizer_config\.json refuses .*\(No system!\): take"
    ):
        render(tmp_path, "{{ raise_exception('No\vsystem!\nReally.') }}")


def test_a_syntax_error_is_reported_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tokenizer_config\.json cannot be used .*line 2"):
        template(tmp_path, "{{ bos_token }}\n{% nonsense %}")


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ range(10 ** 9) | list }}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(tmp_path: Path, source: str) -> None:
    with pytest.raises(ModelError):
        render(tmp_path, f"{source}{{{{ messages[0].content }}}}")


# ---------------------------------------------------------------- limits

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (ENDLESS, "it takes longer than 1 seconds"),
        ("{{ 10 ** (10 ** 10) }}", "it takes longer than 1 seconds"),
        ("{{ 'x' * 3 * 10 ** 9 }}", "it needs more than 512 MB of memory"),
        ("{{ 'x' | center(10 ** 10) }}", "it needs more than 512 MB of memory"),
        ("{{ '%999999999d' % 1 }}", "it needs more than 512 MB of memory"),
        ("{{ 'x' * 10 ** 7 }}", "it writes more than 4,000,000 characters"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "it is nested too deeply"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "it is nested too deeply"),
        ("x" * 600_000, "it has more than 500,000 characters"),
        ("{{ strftime_now('%c' * 1000) }}", "its pattern for the time is too long"),
    ],
)
def test_a_template_that_does_not_end_or_grows_without_end_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, reason: str
) -> None:
    monkeypatch.setattr(jinja_template, "CPU_SECONDS", 1)
    with pytest.raises(ModelError) as caught:
        render(tmp_path, f"{source}{{{{ messages[0].content }}}}")
    assert f"tokenizer_config.json cannot be used ({reason}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_template_that_is_slow_for_long_conversations_only_answers_short_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jinja_template, "CPU_SECONDS", 1)
    long = f"{{% if messages | length > 20 %}}{ENDLESS}{{% endif %}}"
    made = template(tmp_path, f"{{% for m in messages %}}{{{{ m.content }}}}{{% endfor %}}{long}")
    assert made.render(["user"], answer_next=True) == [Slot(0)]
    with pytest.raises(ModelError, match="takes longer"):
        made.render(["user", "assistant"] * 12 + ["user"], answer_next=True)


def test_a_conversation_is_rendered_once_for_many_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    run = subprocess.run

    def counted(*arguments: Any, **options: Any) -> Any:
        started.append(arguments)
        return run(*arguments, **options)

    monkeypatch.setattr(subprocess, "run", counted)
    made = template(tmp_path, "{% for m in messages %}{{ m.content }}|{% endfor %}")
    for turns in range(20):
        roles = ["user", "assistant"] * turns + ["user"]
        parts = made.render(roles, answer_next=True)
        assert [part for part in parts if part != "|"] == [Slot(n) for n in range(len(roles))]
        assert made.is_cached(roles, answer_next=True)
    assert len(started) == 2, "at loading, and once for the longer conversations"


def test_a_template_that_writes_the_time_is_rendered_again_when_that_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = template(tmp_path, "{{ messages[0].content }}{{ strftime_now('%Y') }}")
    assert made.is_cached(["user"], answer_next=True)

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Later":
            return cls(1999, 1, 1, tzinfo=tz)

    monkeypatch.setattr(jinja_template, "datetime", Later)
    assert not made.is_cached(["user"], answer_next=True)


def test_a_template_gets_no_secret_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, str]] = []
    run = subprocess.run

    def watched(*arguments: Any, **options: Any) -> Any:
        given.append(options["env"])
        return run(*arguments, **options)

    monkeypatch.setenv("HF_TOKEN", "x")
    monkeypatch.setattr(subprocess, "run", watched)
    template(tmp_path, "{{ messages[0].content }}")
    assert given
    assert "HF_TOKEN" not in given[0]
