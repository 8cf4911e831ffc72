import gc
import subprocess
from typing import Any

import pytest

from bot.prompting import template_worker
from bot.prompting.template_worker import TemplateFault, TemplateWorker

pytestmark = pytest.mark.process

REQUEST: dict[str, Any] = {
    "messages": [{"role": "user", "content": [["Hello", False]], "thought": "", "fields": []}],
    "answer_next": True,
    "variables": {},
    "lists": False,
}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that are started from here on."""
    found: list[subprocess.Popen[bytes]] = []
    real = template_worker._start

    def watched() -> subprocess.Popen[bytes]:
        found.append(real())
        return found[-1]

    monkeypatch.setattr(template_worker, "_start", watched)
    return found


def test_one_process_serves_all_requests(started: list[subprocess.Popen[bytes]]) -> None:
    worker = TemplateWorker("{{ messages[0].content }}{{ bos }}", {"bos": "<s>"})
    for _ in range(3):
        parts = worker.render(REQUEST)["parts"]
        assert parts == [["Hello", False, [0, []]], ["<s>", True, None]]
    assert len(started) == 1


def test_the_process_ends_with_its_owner(started: list[subprocess.Popen[bytes]]) -> None:
    worker = TemplateWorker("x", {})
    worker.render(REQUEST)
    assert started[0].poll() is None
    del worker
    gc.collect()
    assert started[0].returncode is not None


def test_a_process_that_died_is_replaced(started: list[subprocess.Popen[bytes]]) -> None:
    worker = TemplateWorker("x", {})
    worker.render(REQUEST)
    started[0].kill()
    started[0].wait()
    assert worker.render(REQUEST)["parts"] == [["x", True, None]]
    assert len(started) == 2


def test_a_process_that_answers_too_late_is_killed(
    started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    worker = TemplateWorker(loop, {})
    worker.start()
    monkeypatch.setattr(template_worker, "PATIENCE", 0.1)
    with pytest.raises(TemplateFault, match=r"longer than 0\.1 seconds"):
        worker.render(REQUEST)
    assert started[0].returncode is not None


def test_a_template_gets_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, str]] = []
    real = subprocess.Popen.__init__

    def watched(process: Any, *arguments: Any, **options: Any) -> None:
        given.append(options["env"])
        real(process, *arguments, **options)

    monkeypatch.setenv("HF_TOKEN", "x")
    monkeypatch.setattr(subprocess.Popen, "__init__", watched)
    TemplateWorker("x", {}).start()
    assert given
    assert "HF_TOKEN" not in given[0]


def test_a_content_that_is_written_often_is_sent_as_text() -> None:
    """The parent would write another, longer content as often."""
    worker = TemplateWorker("{% for n in range(99) %}{{ messages[0].content }}{% endfor %}", {})
    answer = worker.render(REQUEST)
    assert answer["opaque"]
    assert answer["parts"] == [["Hello", False, None]] * 99


def test_a_process_that_writes_without_end_is_killed(
    monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]]
) -> None:
    monkeypatch.setattr(template_worker, "LONGEST_ANSWER", 1000)
    worker = TemplateWorker("{{ 'x' * 1000000 }}", {})
    with pytest.raises(TemplateFault, match="it writes more than"):
        worker.render(REQUEST)
    assert started[0].returncode is not None


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "{% for n in range(99999) %}{{ strftime_now('%H' ~ n) }}{% endfor %}",
            "it writes the time in too many ways",
        ),
        (
            "{% for n in range(99999) %}{{ messages[0].content }}{{ n }}{% endfor %}",
            "it writes contents more than 100,000 times",
        ),
    ],
)
def test_what_a_template_writes_is_counted(source: str, why: str) -> None:
    assert TemplateWorker(source, {}).render(REQUEST)["broken"] == why
