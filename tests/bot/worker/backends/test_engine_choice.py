"""Which of OpenVINO and llama.cpp runs a model on a CPU, and what is said about it."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.worker.backends import engine_choice
from bot.worker.backends.engine_choice import (
    MEASURED,
    GgufCase,
    Processor,
    Speed,
    advice_for_folder,
    choose_for_gguf,
    faster,
    processor_of,
)

ROOT = Path(__file__).parents[4]
OLD = ("avx2",)
NEW = ("avx2", "avx512f", "avx512_vnni")
TABLE = (
    Processor(
        "AVX2 alone",
        frozenset({"avx2"}),
        frozenset({"avx512f", "avx_vnni"}),
        {
            4: {"openvino": Speed(10, 20, 50), "llamacpp": Speed(20, 40, 50)},
            8: {"openvino": Speed(10, 20, 50), "llamacpp": Speed(10.4, 20, 50)},
        },
    ),
    Processor(
        "AVX-512 and VNNI",
        frozenset({"avx512f", "avx512_vnni"}),
        frozenset({"amx_int8"}),
        {4: {"openvino": Speed(20, 80, 100), "llamacpp": Speed(25, 30, 60)}},
    ),
)
FILE = GgufCase(OLD, 4)
NO_SERVER = "no llama-server was found"


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_choice, "MEASURED", TABLE)


def test_the_faster_engine_runs_a_gguf_file_and_the_figures_are_the_reason() -> None:
    taken = choose_for_gguf(FILE)
    assert (taken.backend, taken.advice) == ("llamacpp", "")
    assert taken.reason == (
        "on processors with AVX2 alone llama.cpp answers 1.8 times as fast as OpenVINO "
        "(measured: docs/benchmarks.md)"
    )
    taken = choose_for_gguf(replace(FILE, features=NEW))
    assert (taken.backend, taken.advice) == ("openvino", "")
    assert taken.reason.startswith("on processors with AVX-512 and VNNI OpenVINO answers 1.")


@pytest.mark.parametrize("features", [OLD, NEW, None])
def test_a_file_that_openvino_cannot_run_goes_to_llama_cpp(features: tuple[str, ...]) -> None:
    taken = choose_for_gguf(replace(FILE, features=features, refusal="it has experts"))
    assert taken.backend == "llamacpp"
    assert taken.reason == "OpenVINO does not run this GGUF file"


def test_exactness_comes_before_speed() -> None:
    taken = choose_for_gguf(replace(FILE, features=NEW, rounded=True))
    assert taken.backend == "llamacpp"
    assert "less exactly" in taken.reason


@pytest.mark.parametrize(
    ("features", "bits", "why"),
    [
        (None, 4, "the instructions of this processor are not known"),
        ((), 4, "no processor of this kind was measured"),
        (("avx2", "avx_vnni"), 4, "no processor of this kind was measured"),
        ((*NEW, "amx_int8"), 4, "no processor of this kind was measured"),
        (OLD, 0, "weights of this kind were not measured"),
        (NEW, 8, "weights of this kind were not measured"),
    ],
)
def test_where_nothing_was_measured_llama_cpp_runs_it_and_that_is_said(
    features: tuple[str, ...] | None, bits: int, why: str
) -> None:
    taken = choose_for_gguf(GgufCase(features, bits))
    assert (taken.backend, taken.advice) == ("llamacpp", "")
    assert taken.reason == f"it runs every GGUF file, and {why}"


def test_where_both_are_as_fast_llama_cpp_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    equal = {8: {"openvino": Speed(10.4, 20, 50), "llamacpp": Speed(10, 20, 50)}}
    row = replace(TABLE[0], speeds=equal)
    monkeypatch.setattr(engine_choice, "MEASURED", (row,))
    taken = choose_for_gguf(GgufCase(OLD, 8))
    assert (taken.backend, taken.advice) == ("llamacpp", "")
    assert taken.reason.endswith("is as fast as OpenVINO on this CPU")
    assert choose_for_gguf(GgufCase(OLD, 8, openvino=False)).advice == ""
    assert NO_SERVER in choose_for_gguf(GgufCase(OLD, 8, NO_SERVER)).reason


def test_without_a_llama_server_openvino_runs_it_and_what_one_would_give_is_said() -> None:
    taken = choose_for_gguf(replace(FILE, no_server=NO_SERVER))
    assert taken.backend == "openvino"
    assert taken.reason == f"it reads this GGUF file, and {NO_SERVER}"
    assert taken.advice.startswith("on processors with AVX2 alone llama.cpp answers 1.8 times")
    assert taken.advice.endswith(": parley backend install llamacpp")


@pytest.mark.parametrize(
    "case",
    [
        replace(FILE, features=NEW),
        replace(FILE, features=None),
        replace(FILE, bits=8),
    ],
    ids=["OpenVINO is faster", "not known", "hardly faster"],
)
def test_a_server_that_would_give_nothing_is_not_advised(case: GgufCase) -> None:
    taken = choose_for_gguf(replace(case, no_server=NO_SERVER))
    assert (taken.backend, taken.advice) == ("openvino", "")


def test_where_openvino_is_the_faster_one_nobody_is_told_to_build_a_server() -> None:
    case = replace(FILE, features=NEW, no_server=NO_SERVER)
    assert choose_for_gguf(case).reason.startswith("on processors with AVX-512 and VNNI OpenVINO")
    assert NO_SERVER in choose_for_gguf(replace(case, rounded=True)).reason


def test_an_openvino_that_is_not_installed_is_advised_where_it_is_the_faster_one() -> None:
    taken = choose_for_gguf(replace(FILE, features=NEW, openvino=False))
    assert (taken.backend, taken.reason) == ("llamacpp", "OpenVINO is not installed")
    assert taken.advice.endswith(": python -m pip install openvino-genai")
    assert choose_for_gguf(replace(FILE, openvino=False)).advice == ""


def test_a_folder_is_told_of_gguf_files_where_these_are_faster() -> None:
    told = advice_for_folder(OLD, 4, 8, has_server=False)
    assert told.endswith(
        ": run parley backend install llamacpp, and set [model] name to a GGUF file of this model"
    )
    told = advice_for_folder(OLD, 4, 8, has_server=True)
    assert told.endswith("benchmarks.md): set [model] name to a GGUF file of this model")
    assert advice_for_folder(OLD, 8, 8, has_server=False) == ""
    assert advice_for_folder(NEW, 4, 8, has_server=False) == ""
    assert advice_for_folder(None, 4, 8, has_server=False) == ""
    assert advice_for_folder(OLD, 0, 8, has_server=False) == ""


def test_how_many_times_as_fast_counts_reading_and_writing_alone_and_beside_others() -> None:
    found = faster(OLD, 4, 8)
    assert found is not None
    reading = 200 / 50
    slow = reading + (200 / 10 + 200 / 5) / 2
    fast = reading + (200 / 20 + 200 / 10) / 2
    assert found.times == pytest.approx(slow / fast)
    found = faster(OLD, 4, 1)
    assert found is not None
    assert found.times == pytest.approx((reading + 200 / 10) / (reading + 200 / 20))


def test_where_only_one_answer_is_written_at_a_time_four_at_once_do_not_count() -> None:
    only_four = {4: {"openvino": Speed(10, 80, 50), "llamacpp": Speed(20, 30, 50)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_choice, "MEASURED", (replace(TABLE[0], speeds=only_four),))
        assert choose_for_gguf(GgufCase(OLD, 4, parallel=4)).backend == "openvino"
        assert choose_for_gguf(GgufCase(OLD, 4, parallel=1)).backend == "llamacpp"


def reading(text: str, speed: Speed) -> float:
    """What the row of the documentation's table with this speed says of reading: the column "of
    900", or "a prompt of 128" where that was not run."""
    written = f"| {speed.alone:.1f} | {speed.four:.1f} |"
    (row,) = (line for line in text.splitlines() if written in line)
    *_, of_128, of_900 = (cell.strip() for cell in row.strip("| ").split("|"))
    return float(of_128 if of_900 == "not run" else of_900)


def test_the_table_is_the_one_in_the_documentation() -> None:
    text = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8").replace("**", "")
    for row in MEASURED:
        assert f"| {row.title} |" in text
        for speed in (speed for speeds in row.speeds.values() for speed in speeds.values()):
            assert speed.read == pytest.approx(reading(text, speed), abs=0.5), "shown rounded"


def test_no_processor_is_in_two_rows_of_the_table_and_every_row_has_both_engines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_choice, "MEASURED", MEASURED)
    assert MEASURED
    for row in MEASURED:
        assert processor_of(row.needs) is row
        assert all(set(speeds) == {"openvino", "llamacpp"} for speeds in row.speeds.values())
