"""One `parley run` for each platform and database."""

from pathlib import Path

import pytest

from bot.config import Settings, StorageSettings
from bot.errors import Busy, StorageError
from bot.messages import ModelInfo
from parley import locks
from parley.locks import Run, run_of, serving

LOADED = ModelInfo("tiny", "torch", "xpu (Arc)", "fp16", 4096, "the context was halved")


def at(url: str) -> Settings:
    return Settings(storage=StorageSettings(url=url))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return at(f"sqlite:///{tmp_path}/new/p.sqlite3")


def test_who_serves_is_seen_with_what_it_loaded(settings: Settings) -> None:
    assert run_of(settings, "Discord") is None
    with serving(settings, ["Discord", "Slack"]) as tell:
        loading = run_of(settings, "Slack")
        assert loading is not None
        assert loading.pid
        assert loading.model is None
        tell(LOADED)
        for platform in ("Discord", "Slack"):
            run = run_of(settings, platform)
            assert run is not None
            assert (run.pid, run.since, run.model) == (loading.pid, loading.since, LOADED)
    assert run_of(settings, "Discord") is None


def test_looking_makes_nothing(tmp_path: Path, settings: Settings) -> None:
    assert run_of(settings, "Discord") is None
    assert list(tmp_path.iterdir()) == []


def test_a_second_one_is_refused_on_the_same_platform_only(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    with serving(settings, ["Discord"]):
        with pytest.raises(Busy, match=r"parley run \(process \d+\) serves Discord"):
            with serving(settings, ["Slack", "Discord"]):
                pass
        with serving(settings, ["Slack"]):
            pass
        with serving(at(f"sqlite:///{tmp_path}/new/other.sqlite3"), ["Discord"]):
            pass
        run = run_of(settings, "Discord")
        assert run is not None
        assert run.pid, "those that came to nothing leave the first one's note alone"
    with serving(settings, ["Discord"]):
        pass


def test_what_a_killed_one_left_behind_counts_for_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    with serving(settings, ["Discord"]) as tell:
        tell(LOADED)
        left = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    for name, content in left.items():
        (tmp_path / "new" / name).write_bytes(content)
    assert run_of(settings, "Discord") is None
    with serving(settings, ["Discord"]):
        run = run_of(settings, "Discord")
        assert run is not None
        assert run.model is None, "the note is its own"


def test_a_note_that_cannot_be_read_hides_nobody(settings: Settings, tmp_path: Path) -> None:
    with serving(settings, ["Discord"]):
        (note,) = (tmp_path / "new").glob("*.json")
        for text in ("", "{", "[1]", '{"model": {"name": 1}}'):
            note.write_text(text)
            assert run_of(settings, "Discord") == Run()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        with serving(at(f"sqlite:///{tmp_path}/file/p.sqlite3"), ["Discord"]):
            pass


def test_where_nothing_is_kept_nothing_is_locked() -> None:
    with serving(at("memory://"), ["Discord"]), serving(at("memory://"), ["Discord"]) as tell:
        tell(LOADED)
        assert run_of(at("memory://"), "Discord") is None
