"""A GGUF file says what its model is, and one that generates no text is refused in one line."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import pytest

from bot.errors import ModelError
from bot.models.folder import DEFAULT_CONTEXT, ModelFolder, PromptStyle
from bot.models.gguf import read_gguf
from tests.chat_templates import CHATML
from tests.tiny_gguf import byte_level, sentencepiece, write_gguf

EOT = "tokenizer.ggml.eot_token_id"


def test_the_metadata_are_read(tmp_path: Path) -> None:
    found = read_gguf(write_gguf(tmp_path / "tiny.gguf", template=CHATML))
    assert (found.architecture, found.name, found.quantization) == ("llama", "Tiny", "Q8_0")
    assert (found.context, found.layers, found.width) == (2048, 2, 64)
    assert found.templates == {"default": CHATML}
    assert (found.vocabulary, found.parameters) == (515, 2 * 515 * 64)
    assert found.size == (tmp_path / "tiny.gguf").stat().st_size


def test_the_files_name_says_the_quantization_before_the_metadata(tmp_path: Path) -> None:
    assert read_gguf(write_gguf(tmp_path / "a-UD-Q4_K_XL.gguf")).quantization == "UD-Q4_K_XL"


def test_the_kv_cache_is_counted_from_the_heads_of_each_layer(tmp_path: Path) -> None:
    plain = read_gguf(write_gguf(tmp_path / "plain.gguf"))
    assert plain.cache_values == 2 * 2 * (16 + 16)
    lists: dict[str, Any] = {"llama.attention.head_count_kv": [2, 0], "llama.block_count": 2}
    lists |= {"llama.attention.key_length": 32, "llama.attention.value_length": 8}
    assert read_gguf(write_gguf(tmp_path / "l.gguf", values=lists)).cache_values == 2 * (32 + 8)
    hybrid = {"llama.full_attention_interval": 2}
    assert read_gguf(write_gguf(tmp_path / "h.gguf", values=hybrid)).cache_values == 2 * 32


# ---------------------------------------------------------------- as a model's folder


def test_a_file_reads_like_a_models_folder(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "tiny.gguf", template=CHATML)
    folder = ModelFolder.read(file)
    assert (folder.path, folder.model_type, folder.context) == (file, "llama", 2048)
    assert folder.special_tokens == {"eos_token": "<|im_end|>"}
    assert (folder.chat_template, folder.chat_template_file) == (CHATML, file)
    assert folder.style is PromptStyle.TEMPLATE
    assert not folder.openvino


def test_named_templates_are_read_and_the_default_one_is_used(tmp_path: Path) -> None:
    named = {"tokenizer.chat_template.tool_use": "tools"}
    file = write_gguf(tmp_path / "a.gguf", template="plain", values=named)
    assert read_gguf(file).templates == {"default": "plain", "tool_use": "tools"}
    assert ModelFolder.read(file).chat_template == "plain"
    assert ModelFolder.read(write_gguf(tmp_path / "b.gguf", values=named)).chat_template == "tools"


def test_without_a_context_length_it_is_the_default_one(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "a.gguf", values={"llama.context_length": 0})
    assert ModelFolder.read(file).context == DEFAULT_CONTEXT


def test_only_a_file_of_llama_2_has_its_format_without_a_template(tmp_path: Path) -> None:
    def style(name: str) -> PromptStyle:
        values = {"general.name": name}
        return ModelFolder.read(
            write_gguf(tmp_path / "a.gguf", tokenizer=sentencepiece(), values=values)
        ).style

    assert style("LLaMA v2") is style("Llama-2-7b-chat") is PromptStyle.LLAMA2
    assert style("Mistral-7B-v0.1") is style("TinyLlama 1.1B") is PromptStyle.PLAIN


# ---------------------------------------------------------------- end tokens


def ends(tmp_path: Path, special: list[str], **values: int) -> list[str]:
    named = {f"tokenizer.ggml.{key}_token_id": 512 + place for key, place in values.items()}
    tokenizer = byte_level(special) | named
    found = read_gguf(write_gguf(tmp_path / "a.gguf", tokenizer=tokenizer))
    return [found.token_text(number) for number in found.ends]


def test_an_answer_ends_at_every_end_token_that_the_metadata_name(tmp_path: Path) -> None:
    special = ["<a>", "<b>", "<c>", "<d>"]
    assert ends(tmp_path, special, eos=0, eot=1, eom=2) == ["<a>", "<b>", "<c>"]


def test_and_at_those_whose_text_says_it(tmp_path: Path) -> None:
    assert ends(tmp_path, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], eos=0) == [
        "<|endoftext|>",
        "<|im_end|>",
    ]


def test_the_end_of_a_channel_is_not_the_end_of_the_answer(tmp_path: Path) -> None:
    special = ["<|return|>", "<|end|>", "<|call|>", "<|channel|>"]
    assert ends(tmp_path, special, eos=0) == ["<|return|>", "<|call|>"]
    assert ends(tmp_path, ["<|end|>", "<|user|>"], eos=0) == ["<|end|>"]


def test_gemmas_html_tag_ends_nothing(tmp_path: Path) -> None:
    special = ["<eos>", "<turn|>", "<|tool_response>", "</s>"]
    assert ends(tmp_path, special, eos=0) == special[:3]


def test_text_that_looks_like_an_end_token_is_none(tmp_path: Path) -> None:
    tokenizer = byte_level(["<eos>"])
    tokenizer["tokenizer.ggml.tokens"][300] = "</s>"
    found = read_gguf(write_gguf(tmp_path / "a.gguf", tokenizer=tokenizer))
    assert found.ends == (512,)


def test_an_id_outside_the_vocabulary_is_no_token(tmp_path: Path) -> None:
    values = {"tokenizer.ggml.bos_token_id": 5000, EOT: 4_000_000_000}
    found = read_gguf(write_gguf(tmp_path / "a.gguf", values=values))
    assert found.bos is None
    assert found.ends == (514, 512)


# ---------------------------------------------------------------- split files


def split(tmp_path: Path, count: int = 2) -> Path:
    for number in range(count):
        values = {"split.no": number, "split.count": count, "split.tensors.count": 2 * count}
        name = f"big-{number + 1:05}-of-{count:05}.gguf"
        tokenizer = byte_level() if number == 0 else {}
        write_gguf(tmp_path / name, tokenizer=tokenizer, values=values)
    return tmp_path / f"big-00001-of-{count:05}.gguf"


def test_all_parts_of_a_split_file_count(tmp_path: Path) -> None:
    first = split(tmp_path)
    found = read_gguf(first)
    assert [part.name for part in found.parts] == [
        "big-00001-of-00002.gguf",
        "big-00002-of-00002.gguf",
    ]
    assert len(found.tensors) == 4
    assert found.size == sum(part.stat().st_size for part in tmp_path.iterdir())


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    first = split(tmp_path)
    (tmp_path / "big-00002-of-00002.gguf").unlink()
    with pytest.raises(ModelError, match=r"big-00002-of-00002\.gguf does not exist"):
        read_gguf(first)


def test_another_part_than_the_first_is_refused_with_the_firsts_name(tmp_path: Path) -> None:
    split(tmp_path)
    with pytest.raises(ModelError, match=r"name its first part, big-00001-of-00002\.gguf"):
        read_gguf(tmp_path / "big-00002-of-00002.gguf")


def test_a_renamed_part_is_refused(tmp_path: Path) -> None:
    shutil.copy(split(tmp_path), tmp_path / "big.gguf")
    with pytest.raises(ModelError, match=r"one of 2 parts.*give all parts their original names"):
        read_gguf(tmp_path / "big.gguf")


def test_parts_of_two_models_are_refused(tmp_path: Path) -> None:
    first = split(tmp_path)
    write_gguf(tmp_path / "big-00002-of-00002.gguf", tensors=1)
    with pytest.raises(ModelError, match=r"do not belong together \(3 of 4 tensors\)"):
        read_gguf(first)


# ---------------------------------------------------------------- no models


@pytest.mark.parametrize(
    ("architecture", "values", "said"),
    [
        ("llama", {"general.type": "adapter"}, "is a LoRA adapter: name a model with which it"),
        ("clip", {}, "encodes images for a model"),
        ("qwen2vl", {"general.type": "mmproj"}, "encodes images for a model"),
        ("llama", {"general.type": "imatrix"}, "data that guided a quantization"),
        ("bert", {}, "is an embedding model"),
        ("qwen3", {"qwen3.pooling_type": 3}, "is an embedding model"),
        ("t5", {}, "encoder with a decoder"),
        ("dream", {}, "diffusion model"),
    ],
)
def test_what_generates_no_text_is_refused(
    tmp_path: Path, architecture: str, values: dict[str, Any], said: str
) -> None:
    file = write_gguf(tmp_path / "a.gguf", architecture=architecture, values=values)
    with pytest.raises(ModelError, match=said) as caught:
        ModelFolder.read(file)
    assert str(caught.value).startswith(str(file))


def test_a_vocabulary_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds only a vocabulary"):
        read_gguf(write_gguf(tmp_path / "a.gguf", tensors=0))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.gguf does not exist"):
        ModelFolder.read(tmp_path / "none.gguf")


def test_a_download_that_was_cut_off_is_told_from_a_damaged_file(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "a.gguf").read_bytes()
    for size in (20, len(whole) // 8, len(whole) - 1):
        (tmp_path / "a.gguf").write_bytes(whole[:size])
        with pytest.raises(ModelError, match=r"is incomplete .*: download it again"):
            read_gguf(tmp_path / "a.gguf")


def test_the_first_tensors_bytes_are_never_read(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "a.gguf")
    expected = read_gguf(file)
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size + (1 << 40))  # sparse: reading it would take hours
    assert read_gguf(file).tensors == expected.tensors


def test_the_values_equal_those_that_the_gguf_library_reads(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "a.gguf", template=CHATML)
    library = gguf.GGUFReader(file)
    ours = read_gguf(file)
    names = [name for name in library.fields if not name.startswith("GGUF.")]
    assert sorted(names) == sorted(ours.values)
    for name in names:
        theirs, value = library.fields[name].contents(), ours.values[name]
        if isinstance(value, list):
            assert [entry.decode() for entry in value] == theirs, name
        else:
            assert (value if isinstance(value, (str, int, float)) else list(value)) == theirs, name
    assert [(t.name, list(t.shape)) for t in ours.tensors] == [
        (t.name, [int(n) for n in t.shape]) for t in library.tensors
    ]
    assert [t.size for t in ours.tensors] == [int(t.n_bytes) for t in library.tensors]


@pytest.mark.parametrize("wrong", ["abc", float("inf"), float("nan"), -3])
def test_dimensions_that_are_no_numbers_count_as_unknown(tmp_path: Path, wrong: Any) -> None:
    values: dict[str, Any] = dict(read_gguf(write_gguf(tmp_path / "m.gguf")).values)
    values |= {"llama.attention.head_count_kv": wrong, "llama.context_length": wrong}
    gguf = replace(read_gguf(tmp_path / "m.gguf"), values=values)
    assert gguf.context == 0
    assert gguf.cache_values == 2 * 4 * (16 + 16)  # as many key heads as heads
