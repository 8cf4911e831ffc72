"""Models that nothing here runs: how they are recognised, and what to use instead.

Recognised by the listing and a few small JSON files, so before anything large is downloaded or
converted. Every line ends with the way that works. Other repositories are named as what to look
for, unless the catalogue has them: nobody was asked.

Sources: ``quantization_config``
(https://huggingface.co/docs/transformers/main_classes/quantization), ``adapter_config.json``
(https://huggingface.co/docs/peft/developer_guides/checkpoint), ``model_index.json`` of diffusers,
``modules.json`` of sentence-transformers, ``quantization`` of MLX.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.models.catalogue import load_catalogue
from bot.models.repository import Repository

TEXT_EXPORT = ("openvino_model.xml", "openvino_model.bin")
"""The files of a text model that optimum-intel exported."""
VISION_EXPORT = (
    "openvino_language_model.xml",
    "openvino_language_model.bin",
    "openvino_text_embeddings_model.xml",
    "openvino_text_embeddings_model.bin",
)
"""The parts of a vision-language export that text needs."""

_SUFFIX = re.compile(
    r"[-_.](awq|gptq|fp8|nvfp4|mxfp4|w\d+a\d+|bnb|\dbits?|int\d+|nf4|exl\d|\d+(\.\d+)?bpw|mlx"
    r"|gguf|onnx|ov|openvino|hf|auto-?round|quantized|dynamic|unsloth|torchao|sym|asym|g\d+"
    r"|cw|qat|i\d|bf16|fp16)$",
    re.IGNORECASE,
)
_EMBEDDING_NAME = re.compile(
    r"embed(ding|der)?s?(?![a-z])|rerank|(?<![a-z0-9])(bge|e5|gte|minilm|colbert|splade)(?![a-z0-9])",
    re.IGNORECASE,
)
_SPEECH = frozenset(
    {
        "whisper",
        "wav2vec2",
        "hubert",
        "speecht5",
        "bark",
        "musicgen",
        "parler_tts",
        "seamless_m4t",
        "seamless_m4t_v2",
        "encodec",
        "dac",
        "moonshine",
        "vits",
        "xcodec",
        "kokoro",
        "csm",
        "dia",
        "speech-encoder-decoder",
    }
)
_VISION = frozenset(
    {
        "clip",
        "siglip",
        "siglip2",
        "vit",
        "deit",
        "swin",
        "beit",
        "dinov2",
        "dinov3",
        "detr",
        "yolos",
        "segformer",
        "sam",
        "sam2",
        "resnet",
        "convnext",
        "depth_anything",
        "dpt",
        "owlvit",
        "owlv2",
        "blip",
        "trocr",
        "donut",
        "vision-encoder-decoder",
        "chinese_clip",
    }
)
_EXPORTED = "mxfp4"
"""The form in which gpt-oss was published: transformers and the export environment read it."""

_QUANTIZED = {
    "gptq": "GPTQ",
    "awq": "AWQ",
    "bitsandbytes": "bitsandbytes",
    "fp8": "FP8",
    "compressed-tensors": "compressed-tensors (vLLM)",
    "auto-round": "AutoRound",
    "modelopt": "NVIDIA's ModelOpt",
}


@dataclass(frozen=True, slots=True)
class Unsuited:
    """Why nothing here runs a model."""

    title: str
    """What it is, for people: "a LoRA adapter"."""
    line: str
    """One line: the model, what it is, and the way that works."""


def why_unsuited(model: Repository) -> Unsuited | None:
    """Why nothing here runs `model`; None where something does."""
    for check in _CHECKS:
        if found := check(model):
            return found
    return None


def alternatives(name: str) -> str:
    """Where to find the same model in a form that runs, as the end of a sentence. The name of a
    folder of the operator's tells no name at the Hub, unless the catalogue knows it."""
    stem = base_name(name)
    gguf = f"for GGUF files (search “{stem} GGUF”)"
    known = [each.name for each in load_catalogue().models if each.base.lower() == stem.lower()]
    if known and known[0] != name:
        return f"pull {known[0]}, which the catalogue names, or look on the Hub {gguf}"
    if Path(name).is_absolute():
        return "choose another model (parley model recommend names some)"
    return f"look on the Hub for a ready export, named like OpenVINO/{stem}-int4-ov, or {gguf}"


def base_name(name: str) -> str:
    """The model's name without its owner and without what says how it was quantized or packed:
    "Qwen3-8B" for "Qwen/Qwen3-8B-GPTQ-Int4"."""
    stem = name.rstrip("/").rpartition("/")[2].removesuffix(".gguf") or name
    while match := _SUFFIX.search(stem):
        if not match.start():
            break
        stem = stem[: match.start()]
    return stem


def _unsuited(model: Repository, title: str, remedy: str) -> Unsuited:
    return Unsuited(title, f"{model.name} is {title}, which Parley cannot run: {remedy}.")


# ---------------------------------------------------------------- what it is for


def _adapter(model: Repository) -> Unsuited | None:
    if "adapter_config.json" not in model.sizes or _full_weights(model):
        return None
    adapter = model.documents.get("adapter_config.json", {})
    base = adapter.get("base_model_name_or_path")
    of = f" for {base:.100}" if isinstance(base, str) and base.isprintable() and base else ""
    remedy = "choose a model into which such an adapter was merged"
    if of:
        remedy = f"use its base model ({base:.100}), or a model into which the adapter was merged"
    return _unsuited(model, f"only a LoRA adapter{of}", remedy)


def _diffusion(model: Repository) -> Unsuited | None:
    if "model_index.json" not in model.sizes:
        return None
    return _unsuited(model, "a pipeline that makes images or videos (diffusers)", _CHAT_MODEL)


def _embedding(model: Repository) -> Unsuited | None:
    marks = ("modules.json", "config_sentence_transformers.json", "1_Pooling/config.json")
    name = model.name.rstrip("/").rpartition("/")[2]
    kinds = _architectures(model)
    is_encoder = any(kind.endswith(_ENCODER_ENDINGS) for kind in kinds)
    # a chat model's folder may hold sentence-transformers' files, too, but then it is named so
    if any(mark in model.sizes for mark in marks) or _EMBEDDING_NAME.search(name) or is_encoder:
        title = "a model for embedding, ranking or classifying texts, not for answering"
        return _unsuited(model, title, _CHAT_MODEL)
    return None


def _other_senses(model: Repository) -> Unsuited | None:
    kinds = (_text(model.config.get("model_type")), *_architectures(model))
    if kinds[0] in _SPEECH or "openvino_encoder_model.xml" in model.sizes:
        return _unsuited(model, "a model for speech or of another kind than chat", _CHAT_MODEL)
    vision = ("ForImageClassification", "ForObjectDetection", "ForDepthEstimation")
    if kinds[0] in _VISION or any(kind.endswith(vision) for kind in kinds[1:]):
        return _unsuited(model, "a model for images only", _CHAT_MODEL)
    if model.config.get("is_encoder_decoder") is True:
        return _unsuited(
            model, "an encoder-decoder (for translating or summarizing texts)", _CHAT_MODEL
        )
    return None


_CHAT_MODEL = (
    "choose a chat or instruct model (parley model list --available names some, parley model "
    "recommend those that fit this machine)"
)
_ENCODER_ENDINGS = (
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForMaskedLM",
    "ForQuestionAnswering",
    "BertModel",
    "RobertaModel",
    "NewModel",
)


# ---------------------------------------------------------------- how it is stored


def _quantized(model: Repository) -> Unsuited | None:
    if _is_export(model):
        return None  # its config.json may tell how the original was quantized
    method = _quantization(model)
    if not method:
        return None
    return _unsuited(
        model,
        f"quantized by {method}",
        f"use the original model, which [model] low_bit quantizes, or {alternatives(model.name)}",
    )


def _quantization(model: Repository) -> str:
    """How the weights were quantized by others; "" where they were not."""
    found = model.config.get("quantization_config")
    if found is None:
        found = _text_config(model).get("quantization_config")
    if isinstance(found, Mapping):
        method = _text(found.get("quant_method")) or _text(found.get("quant_algo"))
        if method.lower() == _EXPORTED:
            return ""
        return _QUANTIZED.get(method.lower(), method) or "an unnamed method"
    if "quantize_config.json" in model.sizes:  # AutoGPTQ before transformers knew it
        return "GPTQ"
    if isinstance(model.config.get("quantization"), Mapping):
        return "MLX (for Apple's processors)"
    return ""


def _incomplete_export(model: Repository) -> Unsuited | None:
    if not _is_export(model):
        return None
    parts = TEXT_EXPORT if "openvino_model.xml" in model.sizes else VISION_EXPORT
    missing = [part for part in parts if part not in model.sizes]
    if not missing:
        return None
    title = f"an OpenVINO export without {missing[0]}"
    return _unsuited(model, title, f"download it again, or {alternatives(model.name)}")


def _other_format(model: Repository) -> Unsuited | None:
    """Weights, but in no form that runs here."""
    if _is_export(model) or _full_weights(model) or model.gguf:
        return None
    formats = {path.rpartition(".")[2].lower() for path in model.sizes}
    other = alternatives(model.name)
    instead = f"choose a repository of the same model with safetensors weights, or {other}"
    if any(path.startswith("consolidated") for path in model.at_top(".safetensors", ".pth")):
        title = "in its makers' own format (consolidated…) only"
    elif "onnx" in formats:
        title = "an ONNX export"
    elif formats & {"bin", "pth", "pt", "ckpt"}:
        title = "stored as pickled weights (.bin) only, which can contain programs"
    elif found := sorted(formats & {"h5", "msgpack", "tflite", "litertlm", "task", "engine"}):
        title = f"in the format .{found[0]} only"
    else:
        return _nothing(model)
    return _unsuited(model, title, instead)


def _nothing(model: Repository) -> Unsuited:
    line = (
        f"{model.name} contains no weights of a model (neither safetensors, GGUF nor an OpenVINO "
        f"export): correct the name, or {alternatives(model.name)}."
    )
    return Unsuited("without weights", line)


def _no_config(model: Repository) -> Unsuited | None:
    if "config.json" in model.sizes or _is_export(model) or not _full_weights(model):
        return None
    if model.gguf:
        return None
    title = "stored without config.json, so not in Hugging Face's layout"
    remedy = f"choose another repository of it, or {alternatives(model.name)}"
    return _unsuited(model, title, remedy)


def _not_generating(model: Repository) -> Unsuited | None:
    """Known by its architectures to write no texts."""
    kinds = _architectures(model)
    if not kinds or any(kind.endswith(_GENERATING) for kind in kinds):
        return None
    title = f"a model of the kind {kinds[0]}, which writes no texts"
    return _unsuited(model, title, _CHAT_MODEL)


_GENERATING = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel", "ForImageTextToText")

_CHECKS: tuple[Callable[[Repository], Unsuited | None], ...] = (
    _adapter,
    _diffusion,
    _embedding,
    _other_senses,
    _incomplete_export,
    _quantized,
    _other_format,
    _no_config,
    _not_generating,
)
"""In this order: what it is for tells more than how it is stored."""


# ---------------------------------------------------------------- reading


def _is_export(model: Repository) -> bool:
    return "openvino_model.xml" in model.sizes or "openvino_language_model.xml" in model.sizes


def _full_weights(model: Repository) -> bool:
    return any(
        not path.startswith(("consolidated", "adapter_")) for path in model.at_top(".safetensors")
    )


def _text_config(model: Repository) -> Mapping[str, Any]:
    found = model.config.get("text_config")
    return found if isinstance(found, Mapping) else {}


def _architectures(model: Repository) -> tuple[str, ...]:
    found = model.config.get("architectures")
    return tuple(filter(None, map(_text, found))) if isinstance(found, list) else ()


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() and len(value) < 100 else ""
