"""The one model that is meant is chosen among a repository's GGUF files, whole, or none is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ModelError
from bot.models.gguf_files import choose_gguf, gguf_models, quantization_of

REPOSITORY = [
    "README.md",
    "config.json",
    "imatrix_unsloth.gguf",
    "mmproj-BF16.gguf",
    "mmproj-model-f16.gguf",
    "Qwen3-8B-BF16.gguf",
    "Qwen3-8B-IQ4_XS.gguf",
    "Qwen3-8B-Q2_K.gguf",
    "Qwen3-8B-Q4_K_M.gguf",
    "Qwen3-8B-Q4_K_S.gguf",
    "Qwen3-8B-Q8_0.gguf",
    "Qwen3-8B-UD-Q4_K_XL.gguf",
]
SPLIT = [
    "BF16/big-BF16-00001-of-00002.gguf",
    "BF16/big-BF16-00002-of-00002.gguf",
    "Q5_K_M/big-Q5_K_M-00002-of-00003.gguf",
    "Q5_K_M/big-Q5_K_M-00001-of-00003.gguf",
    "Q5_K_M/big-Q5_K_M-00003-of-00003.gguf",
]


@pytest.mark.parametrize(
    ("name", "quantization"),
    [
        ("Llama-3.2-3B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("llama-2-7b-chat.Q4_K_M.gguf", "Q4_K_M"),
        ("qwen2.5-7b-instruct-q4_k_m-00001-of-00002.gguf", "Q4_K_M"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("gemma-3-4b-it-q4_0.gguf", "Q4_0"),
        ("gemma-3-4b-it-Q4_0_4_8.gguf", "Q4_0_4_8"),
        ("model-IQ2_XXS.gguf", "IQ2_XXS"),
        ("model-IQ4_NL.gguf", "IQ4_NL"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("gpt-oss-20b-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("bitnet-TQ2_0.gguf", "TQ2_0"),
        ("Mixtral-8x7B-v0.1.Q6_K.gguf", "Q6_K"),
        ("Q8_0/model-00001-of-00004.gguf", "Q8_0"),
        ("smol-F16.gguf", "F16"),
        ("smol-fp16.gguf", "FP16"),
        ("smollm2.gguf", ""),
        ("AQ4_K_M.gguf", ""),
    ],
)
def test_a_files_name_says_its_quantization(name: str, quantization: str) -> None:
    assert quantization_of(name) == quantization


def test_without_a_wish_it_is_the_best_known_quantization() -> None:
    assert choose_gguf(REPOSITORY, "") == ["Qwen3-8B-Q4_K_M.gguf"]


def test_without_that_one_it_is_the_next() -> None:
    others = [name for name in REPOSITORY if "Q4_K_M" not in name]
    assert choose_gguf(others, "") == ["Qwen3-8B-UD-Q4_K_XL.gguf"]
    assert choose_gguf(["a-Q8_0.gguf", "a-Q2_K.gguf", "a-F16.gguf"], "") == ["a-Q8_0.gguf"]


@pytest.mark.parametrize("wanted", ["Q8_0", "q8_0", "Qwen3-8B-Q8_0.gguf", "qwen3-8b-q8_0"])
def test_a_quantization_or_a_file_is_named(wanted: str) -> None:
    assert choose_gguf(REPOSITORY, wanted) == ["Qwen3-8B-Q8_0.gguf"]


def test_a_mixture_is_not_mistaken_for_the_plain_quantization() -> None:
    assert choose_gguf(REPOSITORY, "UD-Q4_K_XL") == ["Qwen3-8B-UD-Q4_K_XL.gguf"]
    with pytest.raises(ModelError, match=r"no GGUF file “Q4_K_XL”.*Q4_K_M"):
        choose_gguf(REPOSITORY, "Q4_K_XL")


def test_the_only_model_is_chosen_whatever_its_name() -> None:
    assert choose_gguf(["smol.gguf", "mmproj.gguf", "a.imatrix.gguf"], "") == ["smol.gguf"]


@pytest.mark.parametrize(
    "wanted", ["", "Q5_K_M", "big-Q5_K_M.gguf", "Q5_K_M/big-Q5_K_M-00001-of-00003.gguf"]
)
def test_all_parts_of_a_split_file_are_chosen_in_order(wanted: str) -> None:
    assert choose_gguf(SPLIT, wanted) == [
        f"Q5_K_M/big-Q5_K_M-0000{part}-of-00003.gguf" for part in (1, 2, 3)
    ]


def test_a_missing_part_is_named() -> None:
    without = [name for name in SPLIT if "00002-of-00003" not in name]
    with pytest.raises(ModelError, match=r"^x/y lacks Q5_K_M/big-Q5_K_M-00002-of-00003.gguf"):
        choose_gguf(without, "Q5_K_M", "x/y")


def test_without_a_wish_a_complete_model_goes_before_an_incomplete_one() -> None:
    without = [name for name in SPLIT if "00002-of-00003" not in name]
    assert choose_gguf(without, "") == SPLIT[:2]


def test_two_models_of_one_quantization_are_refused_by_name() -> None:
    files = ["tools-Q4_K_M.gguf", "chat-Q4_K_M.gguf", "chat-Q8_0.gguf"]
    for wanted in ("", "Q4_K_M"):
        with pytest.raises(ModelError, match=r"chat-Q4_K_M\.gguf, tools-Q4_K_M\.gguf"):
            choose_gguf(files, wanted)
    assert choose_gguf(files, "tools-Q4_K_M.gguf") == ["tools-Q4_K_M.gguf"]


def test_names_without_a_quantization_are_refused_by_name() -> None:
    with pytest.raises(ModelError, match=r"choose one of large\.gguf, small\.gguf"):
        choose_gguf(["small.gguf", "large.gguf"], "")


def test_a_repository_without_a_models_file_is_refused() -> None:
    with pytest.raises(ModelError, match="^a/b has no GGUF file of a model"):
        choose_gguf(["mmproj-F16.gguf", "model.safetensors"], "", "a/b")


def test_a_models_own_name_may_contain_mtp() -> None:
    assert choose_gguf(["mtp-Q8_0.gguf", "Qwen-MTP-Q8_0.gguf"], "") == ["Qwen-MTP-Q8_0.gguf"]


NAMES = st.lists(
    st.text("aQ4_KM-0123456789of./ ", min_size=1, max_size=30).map(lambda text: f"{text}.gguf")
    | st.sampled_from([*REPOSITORY, *SPLIT]),
    max_size=12,
)


@pytest.mark.property
@given(NAMES, st.sampled_from(["", "Q4_K_M", "a.gguf", "\n", "00001"]))
def test_whatever_the_files_the_choice_is_one_whole_model_or_one_line(
    files: list[str], wanted: str
) -> None:
    refusal, chosen = "", []
    try:
        chosen = choose_gguf(files, wanted)
    except ModelError as error:
        refusal = str(error)
    assert len(refusal.splitlines()) == (0 if chosen else 1)
    assert len(refusal) < 2500
    assert set(chosen) <= set(files)
    assert [model.parts for model in gguf_models(chosen)] == ([tuple(chosen)] if chosen else [])
