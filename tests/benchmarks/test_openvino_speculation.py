"""The benchmark of guessed tokens, with a tiny model whose arithmetic is exact."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from benchmarks.openvino_speculation import SAMPLED, Way, guess, wrong_blocks
from bot.worker.backends.openvino.source import Source, find_source
from bot.worker.protocol import LoadOptions
from tests.bot.worker.backends.backend_bench import silent
from tests.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("speculation") / "tiny")


@pytest.fixture(scope="module")
def source(folder: Path) -> Source:
    cache = str(folder.parent / "cache")
    return find_source(LoadOptions("openvino", str(folder), "cpu", cache_dir=cache), silent)


@pytest.fixture(scope="module")
def plain(source: Source) -> Way:
    return Way("plain", source)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([1, 2, 3, 4, 5, 1, 2, 3], [4, 5, 1]),
        ([7, 3, 8, 9, 3], [8, 9, 3]),
        ([1, 2, 3, 4], []),
    ],
)
def test_a_guess_is_what_followed_the_longest_repeated_end(
    ids: list[int], expected: list[int]
) -> None:
    assert guess(ids) == expected


@pytest.mark.parametrize("sampling", [{}, SAMPLED])
def test_prompt_lookup_saves_steps_and_keeps_the_text(
    source: Source, plain: Way, sampling: dict[str, float]
) -> None:
    prompts = [[1, *range(40, 90), *range(40 + n, 80)] for n in range(6)]
    lookup = Way("lookup", source)
    with_guesses = [lookup.run([prompt], 60, **sampling) for prompt in prompts]
    without = [plain.run([prompt], 60, **sampling) for prompt in prompts]
    assert [run.tokens for run in with_guesses] == [run.tokens for run in without]
    assert sum(run.steps for run in with_guesses) < sum(run.steps for run in without)


def test_without_guesses_the_prefix_cache_returns_right_values(
    folder: Path, source: Source, plain: Way
) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found, wrong = wrong_blocks(Way("plain", source), plain, tokenizer, 60)
    assert found > 0
    assert wrong == 0
