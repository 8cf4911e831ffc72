"""The storage benchmark still runs against the present schema, in a small size."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.process
def test_the_storage_benchmark_fills_and_measures_the_present_schema(tmp_path: Path) -> None:
    sizes = ["--turns", "300", "--megabytes", "1", "--folder", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks.storage", *sizes]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "300 exchanges inserted" in done.stdout
    assert "forget a conversation of 400 exchanges" in done.stdout
    assert "of it (" in done.stdout
    assert list(tmp_path.iterdir()) == []
