"""A backend over a fake llama-server, ended after each test."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.worker.backends.llamacpp.backend import LlamaCppBackend, create
from bot.worker.protocol import LoadOptions
from tests.bot.worker.backends.backend_bench import Bench
from tests.fake_llama import write_fake_server, write_header

Start = Callable[..., Bench]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and sys.platform == "win32":
            item.add_marker(pytest.mark.skip(reason="the fake server is a script with #!"))


@pytest.fixture
def backend() -> Iterator[LlamaCppBackend]:
    made = create()
    yield made
    made.close()


@pytest.fixture
def options(tmp_path: Path) -> Callable[..., LoadOptions]:
    """LoadOptions with a fake server; ``fake={…}`` is its behaviour."""

    def make(fake: dict[str, Any] | None = None, **fields: Any) -> LoadOptions:
        server = write_fake_server(tmp_path, **(fake or {}))
        model = write_header(tmp_path / "tiny.gguf")
        given: dict[str, Any] = {"context": 512, "max_parallel": 4, "server": server}
        return LoadOptions("llamacpp", model, **given | fields)

    return make


@pytest.fixture
def start(backend: LlamaCppBackend, options: Callable[..., LoadOptions]) -> Start:
    """Loads the backend over the fake: ``start(fake={…}, context=…)``."""

    def load(fake: dict[str, Any] | None = None, **fields: Any) -> Bench:
        return Bench(backend, options(fake, **fields))

    return load
