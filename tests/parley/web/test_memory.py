"""The memory of processes is read from files as Linux writes them."""

from pathlib import Path

from parley.web.memory import Memory, memory_now


def process(root: Path, pid: int, kilobytes: int, *children: int, threads: int = 1) -> None:
    """Files of a process; its last thread has started the children."""
    folder = root / str(pid)
    for thread in range(pid, pid + threads):
        task = folder / "task" / str(thread)
        task.mkdir(parents=True)
        last = thread == pid + threads - 1
        (task / "children").write_text("".join(f"{child} " for child in children if last))
    (folder / "status").write_text(f"Name:\tpython\nVmHWM:\t 999 kB\nVmRSS:\t {kilobytes} kB\n")


def test_the_models_memory_is_that_of_all_processes_below(tmp_path: Path) -> None:
    process(tmp_path, 10, 100, 20, 30, threads=3)
    process(tmp_path, 20, 7, 40)
    process(tmp_path, 30, 5)
    process(tmp_path, 40, 3)
    process(tmp_path, 50, 1000)  # somebody else's
    assert memory_now(tmp_path, 10) == Memory(100 * 1024, 15 * 1024)


def test_a_process_that_ends_meanwhile_counts_nothing(tmp_path: Path) -> None:
    process(tmp_path, 10, 100, 20, 30)
    process(tmp_path, 20, 7)
    assert memory_now(tmp_path, 10) == Memory(100 * 1024, 7 * 1024)


def test_without_such_files_nothing_is_known(tmp_path: Path) -> None:
    assert memory_now(tmp_path, 10) == Memory(0, 0)
    (tmp_path / "10").mkdir()
    (tmp_path / "10" / "status").write_text("VmRSS: many kB\n")
    assert memory_now(tmp_path, 10) == Memory(0, 0)
