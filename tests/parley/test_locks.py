"""One `parley run` for each platform and database."""

from pathlib import Path

import pytest

from bot.config import Settings, StorageSettings
from bot.errors import Busy, StorageError
from bot.messages import ModelInfo, Reasoning
from parley import locks
from parley.locks import Instance, instance_lock, running_instance

LOADED = ModelInfo(
    "tiny",
    "torch",
    "xpu (Arc)",
    "fp16",
    4096,
    "the context was halved",
    thinks_at=(Reasoning.AUTO, Reasoning.LOW),
    reasoning_levels=(Reasoning.OFF,),
)


def at(url: str) -> Settings:
    return Settings(storage=StorageSettings(url=url))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return at(f"sqlite:///{tmp_path}/new/p.sqlite3")


def test_who_serves_is_seen_with_what_it_loaded(settings: Settings) -> None:
    assert running_instance(settings, "Discord") is None
    with instance_lock(settings, ["Discord", "Slack"]) as files:
        loading = running_instance(settings, "Slack")
        assert loading is not None
        assert loading.pid
        assert loading.model is None
        files.loaded(LOADED)
        for platform in ("Discord", "Slack"):
            run = running_instance(settings, platform)
            assert run is not None
            assert (run.pid, run.since, run.model) == (loading.pid, loading.since, LOADED)
    assert running_instance(settings, "Discord") is None


def test_looking_makes_nothing(tmp_path: Path, settings: Settings) -> None:
    assert running_instance(settings, "Discord") is None
    assert list(tmp_path.iterdir()) == []


def test_a_second_one_is_refused_on_the_same_platform_only(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LOCK_TIMEOUT", 0.0)
    with instance_lock(settings, ["Discord"]):
        with pytest.raises(Busy, match=r"parley run \(process \d+\) already serves Discord"):
            with instance_lock(settings, ["Slack", "Discord"]):
                pass
        with instance_lock(settings, ["Slack"]):
            pass
        with instance_lock(at(f"sqlite:///{tmp_path}/new/other.sqlite3"), ["Discord"]):
            pass
        run = running_instance(settings, "Discord")
        assert run is not None
        assert run.pid, "those that came to nothing leave the first one's status file alone"
    with instance_lock(settings, ["Discord"]):
        pass


def test_what_a_killed_one_left_behind_counts_for_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    with instance_lock(settings, ["Discord"]) as files:
        files.loaded(LOADED)
        left = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    for name, content in left.items():
        (tmp_path / "new" / name).write_bytes(content)
    assert running_instance(settings, "Discord") is None
    with instance_lock(settings, ["Discord"]):
        run = running_instance(settings, "Discord")
        assert run is not None
        assert run.model is None, "the status file is its own"


def test_a_status_file_that_cannot_be_read_hides_no_instance(
    settings: Settings, tmp_path: Path
) -> None:
    with instance_lock(settings, ["Discord"]):
        (status,) = (tmp_path / "new").glob("*.json")
        for text in ("", "{", "[1]", '{"model": {"name": 1}}'):
            status.write_text(text)
            assert running_instance(settings, "Discord") == Instance()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        with instance_lock(at(f"sqlite:///{tmp_path}/file/p.sqlite3"), ["Discord"]):
            pass


def test_where_nothing_is_kept_nothing_is_locked() -> None:
    with (
        instance_lock(at("memory://"), ["Discord"]),
        instance_lock(at("memory://"), ["Discord"]) as files,
    ):
        files.loaded(LOADED)
        assert running_instance(at("memory://"), "Discord") is None
