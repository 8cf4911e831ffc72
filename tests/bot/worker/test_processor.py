"""Which instructions the processor has."""

from pathlib import Path

import pytest

from bot.worker.processor import cpuinfo, processor_features

ALDER_LAKE = """processor\t: 0
model name\t: 12th Gen Intel(R) Core(TM) i5-12400
flags\t\t: fpu avx avx2 fma avx_vnni sha_ni

processor\t: 1
model name\t: another
flags\t\t: fpu
"""


def given(root: Path, text: str) -> Path:
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text(text)
    return root


def test_the_flags_of_the_first_processor_are_read(tmp_path: Path) -> None:
    assert processor_features(given(tmp_path, ALDER_LAKE)) == ("avx2", "avx_vnni")
    assert cpuinfo(tmp_path)["model name"] == "12th Gen Intel(R) Core(TM) i5-12400"


@pytest.mark.parametrize(
    "text",
    ["processor\t: 0\nFeatures\t: fp asimd i8mm\n", "", "no pairs at all\n\n"],
    ids=["ARM", "empty", "damaged"],
)
def test_where_there_are_no_flags_nothing_is_known(tmp_path: Path, text: str) -> None:
    assert processor_features(given(tmp_path, text)) is None


def test_without_proc_nothing_is_known(tmp_path: Path) -> None:
    assert processor_features(tmp_path) is None


def test_a_processor_with_none_of_them_is_known(tmp_path: Path) -> None:
    assert processor_features(given(tmp_path, "flags\t: fpu sse2\n")) == ()
