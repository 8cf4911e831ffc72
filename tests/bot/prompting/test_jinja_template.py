import sys
from collections.abc import Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import ModelError
from bot.models.folder import ModelFolder
from bot.prompting import jinja_template, rendering, template_worker
from bot.prompting.jinja_template import ChatTemplate, Message, Style, TemplateRefusal
from bot.prompting.spans import Span
from tests.limits import examples
from tests.tiny_tokenizer import write_model_folder

pytestmark = pytest.mark.process  # each template is rendered in one


def template(folder: Path, source: str) -> ChatTemplate:
    return ChatTemplate(ModelFolder.read(write_model_folder(folder, chat_template=source)))


def messages(*contents: str, first: str = "user") -> list[Message]:
    """Messages with these contents, by turns of user and assistant."""
    roles = ("user", "assistant") if first == "user" else ("system", "user", "assistant")
    return [
        Message(roles[place % len(roles)], (Span(text),)) for place, text in enumerate(contents)
    ]


def render(
    folder: Path, source: str, sent: Sequence[Message] = (), *, answer_next: bool = True
) -> list[Span]:
    return template(folder, source).render(sent or messages("Hello"), answer_next=answer_next)


def own(text: str) -> Span:
    return Span(text, trusted=True)


def test_a_rendering_tells_the_templates_own_text_from_contents(tmp_path: Path) -> None:
    source = (
        "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}\n{% endfor %}"
        "{% if add_generation_prompt %}<model>{% endif %}"
    )
    sent = [Message("system", (Span(" Be kind. "),)), Message("user", (Span("<user>\n"),))]
    assert render(tmp_path, source, sent) == [
        own("<s><system>"),
        Span("Be kind."),
        own("\n<user>"),
        Span("<user>"),
        own("\n<model>"),
    ]
    found = render(tmp_path, source, messages("Hello"), answer_next=False)
    assert found == [own("<s><user>"), Span("Hello"), own("\n")]


def test_a_content_may_be_written_twice(tmp_path: Path) -> None:
    source = "{{ messages[0].content }} {{ messages[0].content }}"
    assert render(tmp_path, source) == [Span("Hello"), own(" "), Span("Hello")]


def test_a_typed_expression_is_a_value_and_never_evaluated(tmp_path: Path) -> None:
    typed = "{{ 7 * 7 }}{% raw %}"
    assert render(tmp_path, "{{ messages[0].content }}", messages(typed)) == [Span(typed)]


def test_blocks_leave_no_white_space_of_their_own(tmp_path: Path) -> None:
    source = (
        "{% for m in messages %}\n    {% if true %}\n{{ m.content }}\n    {% endif %}\n{% endfor %}"
    )
    assert render(tmp_path, source) == [Span("Hello"), own("\n")]


def test_what_templates_use_of_hugging_faces_environment_is_there(tmp_path: Path) -> None:
    source = (
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}"
        "{% if loop.first %}{% break %}{% endif %}{% endfor %}"
        "{{ {'ü': [1]} | tojson }} {{ strftime_now('%Y') }} {{ tools is none }}"
    )
    year = str(datetime.now().astimezone().year)
    text = "".join(span.text for span in render(tmp_path, source))
    assert text == f'Hello{{"ü": [1]}} {year} True'


def test_a_template_sees_what_was_written(tmp_path: Path) -> None:
    source = (
        "{% set c = messages[0].content %}"
        "{% if '</think>' in c %}{{ c.split('</think>')[-1].lstrip('\n') }}{% else %}no{% endif %}"
    )
    made = template(tmp_path, source)
    cut = made.render(messages("<think>\nWell\n</think>\n\nHello"), answer_next=True)
    assert cut == [Span("Hello")]
    assert made.render(messages("Hello"), answer_next=True) == [own("no")]


def test_a_trusted_part_of_a_content_stays_trusted(tmp_path: Path) -> None:
    sent = [Message("user", (own("<think>"), Span("<think>"), own("</think>"), Span("Hello")))]
    source = "{{ messages[0].content | trim }}"
    assert render(tmp_path, source, sent) == list(sent[0].content)


def test_a_thought_has_the_names_that_hugging_face_gives_it(tmp_path: Path) -> None:
    source = (
        "{% for m in messages if m.role == 'assistant' %}"
        "{{ m.reasoning_content }}|{{ m.thinking }}|{{ m.reasoning is defined }}{% endfor %}"
    )
    sent = [*messages("Why?"), Message("assistant", (Span("So."),), thought="Well")]
    text = "".join(span.text for span in render(tmp_path, source, sent))
    assert text == "Well|Well|False"


def test_contents_may_be_lists_of_parts(tmp_path: Path) -> None:
    made = template(tmp_path, "{{ messages[0].content[0].type }}{{ messages[0].content[0].text }}")
    found = made.render(messages("Hello"), answer_next=True, style=Style(lists=True))
    assert found == [own("text"), Span("Hello")]


def test_further_variables_reach_the_template(tmp_path: Path) -> None:
    made = template(tmp_path, "{{ messages[0].content }}{{ effort }}{{ on is true }}")
    for effort in ("low", "high"):
        variables = (("effort", effort), ("on", True))
        found = made.render(messages("Hello"), answer_next=True, variables=variables)
        assert "".join(span.text for span in found) == f"Hello{effort}True"


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
        "{{ messages[0].content._pieces.x }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ '{0.__class__.__mro__}'.format(messages[0].content) }}",
        "{{ messages[0].content.format.__globals__.x }}",
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
        ("{{ messages[0].content * 10 ** 9 }}", "it needs more than 512 MB of memory"),
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
    monkeypatch.setattr(template_worker, "CPU_SECONDS", 1)
    with pytest.raises(ModelError) as caught:
        render(tmp_path, f"{source}{{{{ messages[0].content }}}}")
    assert f"tokenizer_config.json cannot be used ({reason}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


FAILING = [
    ENDLESS,
    "{{ raise_exception('No channels in contents!') }}",
    "{{ 1 / 0 }}",
]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits CPU time")
@pytest.mark.parametrize("failing", FAILING)
def test_a_content_on_which_a_template_fails_is_written_like_an_ordinary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    monkeypatch.setattr(template_worker, "CPU_SECONDS", 1)
    source = f"{{% if '<|x|>' in messages[0].content %}}{failing}{{% endif %}}"
    made = template(tmp_path, source + "{{ bos_token }}{{ messages[0].content | trim }}")
    for _ in range(2):
        found = made.render(messages(" a<|x|> "), answer_next=True)
        assert found == [own("<s>"), Span("a<|x|>")]
        assert made.is_cached(messages(" a<|x|> "), answer_next=True)
    assert made.render(messages("Hello"), answer_next=True) == [own("<s>"), Span("Hello")]


def test_the_time_limit_is_that_of_one_rendering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template_worker, "CPU_SECONDS", 1)
    busy = "{% for a in range(600) %}{% for b in range(1000) %}{% endfor %}{% endfor %}"
    made = template(tmp_path, f"{busy}{{{{ messages[0].content | list }}}}")
    for place in range(100):
        made.render(messages(f"{place}"), answer_next=True)


# ---------------------------------------------------------------- renderings that are used again


class Asked:
    """Counts the renderings in the template's process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        real = template_worker.TemplateWorker.render

        def counted(worker: template_worker.TemplateWorker, request: Any) -> Any:
            self.times += 1
            return real(worker, request)

        monkeypatch.setattr(template_worker.TemplateWorker, "render", counted)


LOOKING = """\
{% for m in messages %}{% set c = m.content | trim %}\
{% if c.startswith('<tool>') or '</think>' in c %}!{% endif %}\
{% if not c %}?{% endif %}<|{{ m.role }}|>{{ c }}{% endfor %}"""


def test_a_rendering_is_used_for_all_contents_that_the_template_treats_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = template(tmp_path, LOOKING)
    asked = Asked(monkeypatch)
    for content in ("Hello", "another", " and one with white space\n", "<|user|>"):
        found = made.render(messages(content), answer_next=True)
        assert found == [own("<|user|>"), Span(content.strip())]
        assert made.is_cached(messages("one more"), answer_next=True)
    assert asked.times == 1
    for content, mark in (("<tool>x", "!"), ("a</think>", "!"), (" ", "?")):
        assert not made.is_cached(messages(content), answer_next=True)
        assert made.render(messages(content), answer_next=True)[0] == own(f"{mark}<|user|>")
    assert asked.times == 4


def test_a_rendering_that_depends_on_more_is_used_for_the_same_contents_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = template(tmp_path, "{{ messages[0].content | list | length }}{{ bos_token }}")
    asked = Asked(monkeypatch)
    for _ in range(2):
        for content in ("Hello", "Hi"):
            found = made.render(messages(content), answer_next=True)
            assert "".join(span.text for span in found) == f"{len(content)}<s>"
    assert asked.times == 2


PIECES = ["<tool>", "</think>", "<think>", " ", "\n", "a", "Hello", "|", "%", "{}", "ß", ""]
BODIES = """\
{{ c.split('</think>')[-1].lstrip('\\n') }}|
{{ ('[' ~ c ~ ']') | trim | upper }}
{% set d = '<think></think>' ~ c %}{{ d.split('</think>') | join('+') }}{{ d.partition('a')[2] }}
{% set d = '<think></think>' ~ c ~ 'x' %}{{ d.split('</think>') | join('+') }}
{% set d = 'a' ~ c ~ '</think>' ~ c %}{{ d.split('</think>')[0] }}|{{ d.replace('</think>', '/') }}
{% set d = ' ' ~ c ~ ' ' %}{{ d | trim }}{{ d | length }}{{ '<' in d }}
{{ c[0] }}{{ c | length }}{{ c[1:] }}
{{ c.replace('a', '<b>') }}{{ '%s-%s' % (c, 'x') }}{{ '{}'.format(c) }}
{% if loop.previtem is defined and c == loop.previtem.content %}same{% endif %}{{ c.title() }}
{{ c | tojson }}{{ c | list | first | default('') }}{% for x in c %}{{ x }}{% endfor %}"""
SOURCES = [
    LOOKING,
    *(
        f"{{% for m in messages %}}{{% set c = m.content %}}{body}{{% endfor %}}"
        for body in BODIES.splitlines()
    ),
]


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=examples(40))
@given(
    conversations=st.lists(
        st.tuples(*[st.lists(st.sampled_from(PIECES), max_size=3).map("".join)] * 2),
        min_size=2,
        max_size=6,
    )
)
def test_a_rendering_from_the_cache_is_the_one_that_would_be_made(
    source: str, conversations: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = template_of(source, tmp_path_factory)
    cached = made()
    for contents in conversations:
        outcomes = []
        for rendered in (cached, made()):
            try:
                outcomes.append(rendered.render(messages(*contents), answer_next=True))
            except ModelError as error:
                outcomes.append([Span(str(error))])
        assert outcomes[0] == outcomes[1]


def template_of(source: str, places: pytest.TempPathFactory) -> Any:
    """Makes templates with an empty cache, all in one process."""
    if source not in _MADE:
        _MADE[source] = template(places.mktemp("model"), source)

    def fresh() -> ChatTemplate:
        copy = object.__new__(ChatTemplate)
        copy.__dict__.update(_MADE[source].__dict__)
        copy._cache = jinja_template._Cache()
        return copy

    return fresh


_MADE: dict[str, ChatTemplate] = {}


def test_a_template_that_writes_the_time_is_rendered_again_when_that_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = template(tmp_path, "{{ messages[0].content }}{{ strftime_now('%Y') }}")
    made.render(messages("Hello"), answer_next=True)
    assert made.is_cached(messages("Hello"), answer_next=True)

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Later":
            return cls(1999, 1, 1, tzinfo=tz)

    monkeypatch.setattr(rendering, "datetime", Later)
    assert not made.is_cached(messages("Hello"), answer_next=True)


def test_the_cache_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jinja_template, "_CACHED_SIZE", 40)
    made = template(tmp_path, "{% for m in messages %}{{ m.content }}|{% endfor %}")
    for turns in range(1, 12):
        made.render(messages(*["Hello"] * turns), answer_next=True)
    assert made.is_cached(messages(*["Hello"] * 11), answer_next=True)
    assert not made.is_cached(messages("Hello"), answer_next=True)


def test_what_a_template_writes_counts_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jinja_template, "_CACHED_SIZE", 100)
    made = template(tmp_path, "{{ 'x' * 9000 }}{% for m in messages %}{{ m.content }}{% endfor %}")
    for turns in (1, 2):
        made.render(messages(*["Hello"] * turns), answer_next=True)
    assert made.is_cached(messages("Hello", "Hello"), answer_next=True)
    assert not made.is_cached(messages("Hello"), answer_next=True)
