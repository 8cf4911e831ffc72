from pathlib import Path

import pytest

from tests.parley.parley_program import Program
from tests.parley.service.fake_programs import FakePrograms


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    return FakePrograms(tmp_path, monkeypatch)
