from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from bot.errors import ModelError
from bot.models.folder import ModelFolder
from bot.prompting.jinja_template import ChatTemplate, Part, Slot, TemplateRefusal
from tests.tiny_tokenizer import write_model_folder


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
        render(tmp_path, "{{ raise_exception('No system!\nReally.') }}")


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
