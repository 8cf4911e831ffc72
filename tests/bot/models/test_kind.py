"""What kind of model a listing and config.json show, and what would run it."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ModelError
from bot.models.kind import Kind, ModelKind, kind_of, require_suited
from bot.models.repository import Repository, read_repository
from bot.models.unsuited import TEXT_EXPORT, VISION_EXPORT, base_name
from bot.worker.conversion.architectures import MODEL_TYPES

LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 128_256}
QWEN = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}
GEMMA = {"model_type": "gemma3n", "architectures": ["Gemma3nForConditionalGeneration"]}
WHOLE = ("config.json", "tokenizer.json", "model.safetensors")
EXPORT = ("config.json", "tokenizer.json", "openvino_model.xml", "openvino_model.bin")
VISION = (
    "config.json",
    "openvino_language_model.xml",
    "openvino_language_model.bin",
    "openvino_text_embeddings_model.xml",
    "openvino_text_embeddings_model.bin",
    "openvino_vision_embeddings_model.xml",
    "openvino_vision_embeddings_model.bin",
)


def seen(
    *paths: str, name: str = "org/Model-7B", config: dict[str, Any] | None = None, **more: Any
) -> ModelKind:
    documents = {"config.json": config or {}} | {
        f"{key}.json": value for key, value in more.items()
    }
    return kind_of(Repository(name, dict.fromkeys(paths, 1), documents))


# ---------------------------------------------------------------- what runs


def test_an_openvino_export_runs_as_it_is() -> None:
    found = seen(*EXPORT, name="OpenVINO/Qwen3-8B-int4-ov", config=QWEN)
    assert found.kind is Kind.OPENVINO
    assert found.title == "an OpenVINO export, INT4"
    assert [str(route) for route in found.routes] == ["openvino"]
    assert set(found.weights) == {"openvino_model.xml", "openvino_model.bin"}
    assert found.refusal == ""


def test_a_vision_language_export_runs_for_texts_and_is_whole() -> None:
    found = seen(*VISION, name="OpenVINO/gemma-3-4b-it-int4-ov", config=GEMMA)
    assert found.kind is Kind.OPENVINO_VISION
    assert found.backends == ("openvino",)
    assert "openvino_vision_embeddings_model.bin" in found.weights


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_a_folder_of_a_known_architecture_is_converted_or_run_by_torch(model_type: str) -> None:
    found = seen(*WHOLE, config=LLAMA | {"model_type": model_type})
    assert found.kind is Kind.HUGGING_FACE
    assert found.backends == ("openvino", "torch")
    assert "converted at the first start" in str(found.routes[0])


def test_a_folder_of_another_architecture_is_exported_or_run_by_torch() -> None:
    found = seen(*WHOLE, config=GEMMA)
    assert found.backends == ("openvino", "torch")
    assert "parley backend install export" in str(found.routes[0])


def test_the_weights_are_taken_once() -> None:
    found = seen("consolidated.safetensors", "pytorch_model.bin", *WHOLE, config=LLAMA)
    assert found.weights == ("model.safetensors",)


def test_gguf_files_run_with_llama_server_and_name_their_quantization() -> None:
    found = seen("Qwen3-8B-Q4_K_M.gguf", "mmproj-F16.gguf", name="org/Qwen3-8B-GGUF")
    assert found.kind is Kind.GGUF
    assert found.title == "a GGUF model, Q4_K_M"
    assert found.backends == ("llamacpp", "openvino")
    assert found.weights == ("Qwen3-8B-Q4_K_M.gguf",)
    several = seen("a-Q4_K_M.gguf", "a-Q8_0.gguf", "BF16/a-BF16-00001-of-00002.gguf")
    assert several.title == "a GGUF model in 3 quantizations"


def test_a_model_without_chat_template_runs_with_a_word() -> None:
    note = seen(*WHOLE, config=LLAMA, tokenizer_config={}).note
    assert "no chat template" in note
    assert seen(*WHOLE, config=LLAMA, tokenizer_config={"chat_template": "{{ 1 }}"}).note == ""
    assert seen(*WHOLE, "chat_template.jinja", config=LLAMA, tokenizer_config={}).note == ""
    assert seen(*WHOLE, config=LLAMA).note == "", "not known, because that file was not read"


def test_llama_2_needs_no_chat_template() -> None:
    config = LLAMA | {"vocab_size": 32_000}
    assert seen(*WHOLE, config=config, tokenizer_config={}).note == ""


def test_program_code_in_a_repository_is_named() -> None:
    assert "never run" in seen(*WHOLE, config=GEMMA | {"auto_map": {}}).note
    assert seen(*WHOLE, config=LLAMA | {"auto_map": {}}).note == ""


# ---------------------------------------------------------------- what does not


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ({"quant_method": "gptq", "bits": 4}, "quantized by GPTQ"),
        ({"quant_method": "awq"}, "quantized by AWQ"),
        ({"quant_method": "bitsandbytes"}, "quantized by bitsandbytes"),
        ({"quant_method": "fp8"}, "quantized by FP8"),
        ({"quant_method": "new-one"}, "quantized by new-one"),
        ({}, "quantized by an unnamed method"),
        ("odd", ""),
    ],
)
def test_weights_that_others_quantized_are_refused(method: object, said: str) -> None:
    found = seen(*WHOLE, name="Qwen/Qwen3-8B-AWQ", config=QWEN | {"quantization_config": method})
    assert said in found.refusal
    if said:
        assert found.routes == ()
        assert "use the original model" in found.refusal
        assert "OpenVINO/Qwen3-8B-int4-ov" in found.refusal
        assert "Qwen3-8B GGUF" in found.refusal


def test_a_model_that_the_catalogue_has_is_named_as_one_that_is_there() -> None:
    config = QWEN | {"quantization_config": {"quant_method": "awq"}}
    there = seen(*WHOLE, name="Qwen/Qwen3-8B-AWQ", config=config).refusal
    assert "pull OpenVINO/Qwen3-8B-int4-ov, which the catalogue names" in there
    unknown = seen(*WHOLE, name="org/New-9B-AWQ", config=config).refusal
    assert "look on the Hub for a ready export, named like OpenVINO/New-9B-int4-ov" in unknown
    own = str(Path("/models/mine").absolute())
    mine = seen(*WHOLE, name=own, config=config).refusal
    assert "parley model recommend" in mine
    assert "OpenVINO/mine" not in mine


def test_gpt_oss_in_its_published_form_is_exported() -> None:
    config = {"model_type": "gpt_oss", "quantization_config": {"quant_method": "mxfp4"}}
    found = seen(*WHOLE, name="openai/gpt-oss-20b", config=QWEN | config)
    assert found.refusal == ""
    assert found.routes


def test_the_export_of_a_quantized_model_runs() -> None:
    config = QWEN | {"quantization_config": {"quant_method": "gptq"}}
    assert seen(*EXPORT, config=config).kind is Kind.OPENVINO


def test_mlx_and_old_gptq_are_known_by_their_files() -> None:
    mlx = seen(*WHOLE, config=QWEN | {"quantization": {"bits": 4, "group_size": 64}})
    assert "MLX" in mlx.refusal
    assert "GPTQ" in seen(*WHOLE, "quantize_config.json", config=QWEN).refusal


def test_an_adapter_names_its_base_model() -> None:
    files = ("adapter_config.json", "adapter_model.safetensors")
    base = {"base_model_name_or_path": "meta-llama/Llama-3.1-8B-Instruct"}
    refusal = seen(*files, adapter_config=base).refusal
    assert "only a LoRA adapter for meta-llama/Llama-3.1-8B-Instruct" in refusal
    assert "use its base model (meta-llama/Llama-3.1-8B-Instruct)" in refusal
    odd = seen(*files, adapter_config={"base_model_name_or_path": 7}).refusal
    assert "only a LoRA adapter, which" in odd


def test_an_adapter_beside_whole_weights_is_no_adapter() -> None:
    assert seen(*WHOLE, "adapter_config.json", config=LLAMA).kind is Kind.HUGGING_FACE


@pytest.mark.parametrize(
    ("paths", "config", "name"),
    [
        (WHOLE, {"architectures": ["BertModel"], "model_type": "bert"}, "org/m"),
        (WHOLE, {"architectures": ["XLMRobertaForSequenceClassification"]}, "org/m"),
        ((*WHOLE, "modules.json"), QWEN, "org/m"),
        ((*WHOLE, "1_Pooling/config.json"), QWEN, "org/m"),
        (WHOLE, QWEN, "Qwen/Qwen3-Embedding-0.6B"),
        (EXPORT, QWEN, "OpenVINO/Qwen3-Reranker-0.6B-int8-ov"),
        (EXPORT, {"architectures": ["BertModel"]}, "OpenVINO/bge-base-en-v1.5-int8-ov"),
        (("nomic-embed-text-v1.5.Q8_0.gguf",), {}, "nomic-ai/nomic-embed-text-v1.5-GGUF"),
    ],
)
def test_models_that_embed_or_rank_are_refused(
    paths: tuple[str, ...], config: dict[str, Any], name: str
) -> None:
    refusal = seen(*paths, name=name, config=config).refusal
    assert "for embedding, ranking or classifying" in refusal
    assert "parley model list --available" in refusal


@pytest.mark.parametrize(
    ("paths", "config", "said"),
    [
        (("model_index.json", "unet/a.safetensors"), {}, "makes images"),
        (WHOLE, {"model_type": "whisper"}, "speech"),
        (("config.json", "openvino_encoder_model.xml"), {}, "speech"),
        (WHOLE, {"model_type": "vit"}, "images only"),
        (WHOLE, {"architectures": ["FooForObjectDetection"]}, "images only"),
        (WHOLE, {"model_type": "t5", "is_encoder_decoder": True}, "encoder-decoder"),
        (WHOLE, {"architectures": ["Strange"]}, "kind Strange, which writes no texts"),
    ],
)
def test_models_that_do_not_chat_are_refused(
    paths: tuple[str, ...], config: dict[str, Any], said: str
) -> None:
    found = seen(*paths, config=config)
    assert found.kind is Kind.UNSUITED
    assert said in found.refusal


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (("config.json", "pytorch_model.bin"), "pickled weights"),
        (("params.json", "consolidated.00.pth"), "makers' own format"),
        (("config.json", "consolidated.safetensors"), "makers' own format"),
        (("config.json", "onnx/model.onnx"), "an ONNX export"),
        (("config.json", "tf_model.h5"), r"format .h5 only"),
        (("config.json", "README.md"), "contains no weights"),
        (("config.json", "mmproj-F16.gguf"), "contains no weights"),
        (("model.safetensors",), "without config.json"),
        (("config.json", "openvino_model.xml"), "without openvino_model.bin"),
        (VISION[:-3], "without openvino_text_embeddings_model.bin"),
    ],
)
def test_other_formats_are_refused_with_what_to_look_for(paths: tuple[str, ...], said: str) -> None:
    found = seen(*paths, name="org/Model-7B-hf")
    assert found.kind is Kind.UNSUITED
    assert said in found.refusal
    assert "OpenVINO/Model-7B-int4-ov" in found.refusal


def test_a_refusal_is_one_printable_line_whatever_the_files_say() -> None:
    odd = "x\n\x1b[31m"
    config = {"model_type": odd, "architectures": [odd, 3], "quantization_config": {"x": odd}}
    found = seen(*WHOLE, config=config)
    assert found.refusal.isprintable()
    assert kind_of(Repository("org/x", {}, {})).refusal.isprintable()


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("Qwen/Qwen3-8B-AWQ", "Qwen3-8B"),
        ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", "Qwen2.5-7B-Instruct"),
        ("mlx-community/Qwen3-4B-4bit", "Qwen3-4B"),
        ("unsloth/Llama-3.2-1B-Instruct-unsloth-bnb-4bit", "Llama-3.2-1B-Instruct"),
        ("OpenVINO/Phi-4-mini-instruct-int4-ov", "Phi-4-mini-instruct"),
        ("/models/gemma-3-4b-it-GGUF/", "gemma-3-4b-it"),
        ("turboderp/Qwen3-8B-exl3", "Qwen3-8B"),
        ("gguf", "gguf"),
    ],
)
def test_the_name_of_the_original_is_found(name: str, base: str) -> None:
    assert base_name(name) == base


# ---------------------------------------------------------------- folders


def test_a_folder_is_read_like_a_listing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    (tmp_path / "model.safetensors").write_bytes(b"12345")
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"1")
    model = read_repository(tmp_path)
    assert model.sizes["model.safetensors"] == 5
    assert "onnx/model.onnx" in model.sizes
    assert kind_of(model).kind is Kind.HUGGING_FACE


def test_a_download_is_called_by_its_name_at_the_hub(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--Qwen--Qwen3-Embedding-0.6B" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text(json.dumps(QWEN))
    (snapshot / "model.safetensors").touch()
    refusal = kind_of(read_repository(snapshot)).refusal
    assert refusal.startswith("Qwen/Qwen3-Embedding-0.6B is a model for embedding")


def test_a_name_that_only_resembles_an_embedding_models_chats() -> None:
    assert seen(*WHOLE, name="/models/embedded-assistant", config=QWEN).refusal == ""


def test_a_single_gguf_file_is_a_model(tmp_path: Path) -> None:
    file = tmp_path / "model-Q8_0.gguf"
    file.write_bytes(b"GGUF")
    assert kind_of(read_repository(file)).title == "a GGUF model, Q8_0"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"{", "damaged"), (b"[]", "not a JSON object"), (b"version https://git-lfs", "git lfs pull")],
)
def test_a_damaged_document_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ModelError, match=said):
        read_repository(tmp_path)


def test_a_missing_folder_is_an_empty_listing(tmp_path: Path) -> None:
    assert "contains no weights" in kind_of(read_repository(tmp_path / "none")).refusal


@pytest.mark.parametrize("backend", ["torch", "ipex"])
@pytest.mark.parametrize(
    "files", [("m.gguf",), ("config.json", *TEXT_EXPORT), ("config.json", *VISION_EXPORT)]
)
def test_transformers_gets_no_format_that_it_does_not_read(
    tmp_path: Path, backend: str, files: tuple[str, ...]
) -> None:
    for name in files:
        (tmp_path / name).write_text("{}")
    model = tmp_path / "m.gguf" if files == ("m.gguf",) else tmp_path
    with pytest.raises(
        ModelError, match=f'backend = "{backend}" does not run: set .model. backend'
    ):
        require_suited(model, backend)
    require_suited(model, "auto")
    if model == tmp_path:  # the original beside its export
        (tmp_path / "model.safetensors").touch()
        require_suited(model, backend)
