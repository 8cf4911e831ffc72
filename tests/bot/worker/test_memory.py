"""Available memory is what both the machine and the container allow."""

import sys
from pathlib import Path

import pytest

from bot.worker.memory import available_memory, total_memory

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="reads /proc and /sys")


def machine(root: Path, *, kilobytes: int, limit: str = "", used: int = 0, files: int = 0) -> Path:
    (root / "proc").mkdir()
    (root / "proc/meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable:   {kilobytes} kB\n")
    if limit:
        (root / "sys/fs/cgroup").mkdir(parents=True)
        (root / "sys/fs/cgroup/memory.max").write_text(f"{limit}\n")
        (root / "sys/fs/cgroup/memory.current").write_text(f"{used}\n")
        (root / "sys/fs/cgroup/memory.stat").write_text(f"anon 5\ninactive_file {files}\n")
    return root


def test_available_memory_is_the_machines(tmp_path: Path) -> None:
    assert available_memory(machine(tmp_path, kilobytes=1000)) == 1_024_000


def test_a_container_may_allow_less(tmp_path: Path) -> None:
    root = machine(tmp_path, kilobytes=1000, limit="500000", used=200_000)
    assert available_memory(root) == 300_000


def test_reclaimable_page_cache_counts_as_available(tmp_path: Path) -> None:
    root = machine(tmp_path, kilobytes=1000, limit="500000", used=450_000, files=250_000)
    assert available_memory(root) == 300_000


def test_a_container_without_a_limit_allows_everything(tmp_path: Path) -> None:
    assert available_memory(machine(tmp_path, kilobytes=1000, limit="max")) == 1_024_000


def test_without_proc_and_sys_nothing_is_known(tmp_path: Path) -> None:
    assert available_memory(tmp_path) is None


def test_this_machine_has_some() -> None:
    found = available_memory()
    assert found is None or found > 1_000_000


def test_total_memory_is_the_machines_or_the_containers(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert total_memory(machine(tmp_path / "a", kilobytes=10)) == 99 * 1024
    assert total_memory(machine(tmp_path / "b", kilobytes=10, limit="5000")) == 5000
    assert total_memory(tmp_path) is None
