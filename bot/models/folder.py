"""What a model's folder says of the model: context window, special tokens, chat template, size.

Reads the JSON files that Hugging Face's tools write beside the weights, and Optimum beside an
OpenVINO model: ``config.json``, ``generation_config.json``, ``tokenizer_config.json``,
``special_tokens_map.json``, ``added_tokens.json``, and ``chat_template.jinja``,
``additional_chat_templates`` or ``chat_template.json``. Weights and tokenizer files are not opened.
For the names in these files, see ``PretrainedConfig`` in
https://huggingface.co/docs/transformers/main_classes/configuration. A GGUF file stands for a folder
here: its own metadata say the same (`bot.models.gguf`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from bot.errors import ModelError
from bot.files import NotText, decode, parse_json
from bot.models.gguf import Gguf, read_gguf
from bot.models.json_values import is_id, whole
from bot.models.special_tokens import AddedToken, SpecialTokens
from bot.worker.backends.openvino.library import exported_file
from bot.worker.gguf.files import is_gguf

DEFAULT_CONTEXT = 2048
"""Tokens of the context window where no file names it: even small chat models have that many."""

# Hugging Face writes 10**30 as model_max_length of a tokenizer without a limit.
_LONGEST_CONTEXT = 1 << 24

_LLAMA2 = re.compile(r"llama.{0,3}2\b", re.IGNORECASE)

_CONTEXT_NAMES = (
    "max_position_embeddings",
    "n_positions",
    "n_ctx",
    "max_sequence_length",
    "seq_length",
)


class PromptStyle(StrEnum):
    """The chat format of a model."""

    LLAMA2 = "llama2"
    """Meta's format, of a folder without a template: [INST] and <<SYS>>."""
    TEMPLATE = "template"
    """The model's own chat template."""
    PLAIN = "plain"
    """None: a base model, which can only complete a text."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The properties of a model, as its folder states them."""

    path: Path
    model_type: str
    """``model_type`` in ``config.json``, such as "llama"; "" where it is missing."""
    context: int
    """The context window in tokens, as the model was trained."""
    bos: int | None
    """Id of the special token that begins a text; None where no file names one."""
    eos: tuple[int, ...]
    """Ids of the special tokens that end an answer, as far as the files name them; the chat format
    may add others."""
    special_tokens: Mapping[str, str]
    """The texts of the special tokens by their names in templates: ``bos_token`` and others."""
    chat_template: str | None
    """A Jinja template; None where there is none."""
    chat_template_file: Path | None
    """The file that contains the template, for error messages."""
    style: PromptStyle
    parameters: int
    """The approximate number of weights; 0 where it cannot be told."""
    openvino: bool
    """Whether the folder contains an OpenVINO model."""
    vocab_size: int = 0
    """The rows of the embedding table; 0 where no file names them."""
    added_tokens: tuple[AddedToken, ...] = ()
    """Tokens that are declared beside the tokenizer, which may lack them."""
    withheld_tokens: frozenset[str] = frozenset()
    """Names of special tokens (``bos_token``) that the model does not have, as a file says."""
    short_context: int = 0
    """The tokens up to which LongRoPE uses the frequencies for short texts; 0 for other models. A
    larger window answers short texts less exactly (docs/models.md)."""

    def default_context(self, most: int) -> int:
        """The context window where the settings name none, `most` tokens at most."""
        return min(self.context, most, self.short_context or most)

    @classmethod
    def read(cls, path: Path) -> "ModelFolder":
        """Read the folder or GGUF file `path`. Blocks. Raises ModelError, with the remedy, where it
        or one of its files is missing, damaged or unreadable."""
        if is_gguf(path):
            return _of_gguf(read_gguf(path))
        _require_folder(path)
        openvino = exported_file(path) is not None
        config = _read_config(path, openvino=openvino)
        generation = _read_json(path / "generation_config.json") or {}
        tokenizer = _read_json(path / "tokenizer_config.json") or {}
        text = config.get("text_config")
        text = {**config, **text} if isinstance(text, dict) else config
        template, template_file = _chat_template(path, tokenizer)
        special = SpecialTokens.read(
            tokenizer,
            _read_json(path / "special_tokens_map.json") or {},
            _read_json(path / "added_tokens.json") or {},
        )
        bos, eos = _bos(generation, text), _end_ids(generation, text, special)
        return cls(
            path=path,
            model_type=str(text.get("model_type") or ""),
            context=_context(text, tokenizer),
            bos=bos,
            eos=eos,
            special_tokens=special.names,
            chat_template=template,
            chat_template_file=template_file,
            style=_style(template, text, bos, eos),
            parameters=_parameters(text) or _weights_in(path, text),
            openvino=openvino,
            vocab_size=whole(text.get("vocab_size")),
            added_tokens=special.added,
            withheld_tokens=special.withheld,
            short_context=_short_context(text),
        )


def _of_gguf(gguf: Gguf) -> ModelFolder:
    templates = gguf.templates
    # Files of Llama 2 from before there were templates. Mistral's are of the same architecture.
    is_llama2 = gguf.architecture == "llama" and _LLAMA2.search(gguf.name) is not None
    config = {"model_type": "llama" if is_llama2 else "", "vocab_size": gguf.vocabulary}
    template = templates.get("default") or next(iter(templates.values()), None)
    return ModelFolder(
        path=gguf.path,
        model_type=gguf.architecture,
        context=gguf.context or DEFAULT_CONTEXT,
        bos=gguf.bos,
        eos=gguf.ends,
        special_tokens=gguf.special_tokens,
        chat_template=template,
        chat_template_file=gguf.path if template is not None else None,
        style=_style(template, config, gguf.bos, gguf.ends),
        parameters=gguf.parameters,
        openvino=False,
        vocab_size=gguf.vocabulary,
    )


# ---------------------------------------------------------------- files


def _require_folder(path: Path) -> None:
    try:
        if path.is_dir():
            next(path.iterdir(), None)
            return
        exists = path.exists()
    except OSError as error:
        raise ModelError(f"The model's folder {path} cannot be read: {error.strerror}.") from error
    if exists:
        raise ModelError(
            f"{path} is a file: name the folder that holds the model and its config.json."
        )
    raise ModelError(
        f"The model's folder {path} does not exist: download the model or correct its name."
    )


def _read_config(path: Path, *, openvino: bool) -> dict[str, Any]:
    config = _read_json(path / "config.json")
    if config is None and not openvino:
        raise ModelError(
            f"{path} holds no config.json: name a folder with a Hugging Face model, or download "
            "the model again."
        )
    return config or {}


def _read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is no such file. Raises ModelError."""
    data = _read_bytes(path)
    if data is None:
        return None
    if data.startswith(b"version https://git-lfs"):
        raise ModelError(f"{path} is only a Git LFS pointer: run “git lfs pull” in {path.parent}.")
    try:
        value = parse_json(data)
    except ValueError as error:
        raise _damaged(path, error) from error
    if not isinstance(value, dict):
        raise _damaged(path, "it is not a JSON object")
    return value


def _read_text(path: Path) -> str | None:
    """The text of a file; None where there is no such file. Raises ModelError."""
    data = _read_bytes(path)
    try:
        return None if data is None else decode(data)
    except NotText as error:
        raise _damaged(path, error) from error


def _read_bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error


def _damaged(path: Path, how: object) -> ModelError:
    return ModelError(f"{path} is damaged ({how}): download it again.")


def _chat_template(path: Path, tokenizer: dict[str, Any]) -> tuple[str | None, Path | None]:
    """The template and its file. A separate file overrides ``tokenizer_config.json``."""
    jinja = path / "chat_template.jinja"
    text = _read_text(jinja)
    if text is not None:
        return text, jinja
    others = sorted((path / "additional_chat_templates").glob("*.jinja"))
    if others:
        named = {file.stem: file for file in others}
        chosen = named.get("default", others[0])
        return _read_text(chosen), chosen
    other = path / "chat_template.json"
    for file, holder in ((other, _read_json(other) or {}), (None, tokenizer)):
        template = _named_template(holder.get("chat_template"))
        if template is not None:
            return template, file or path / "tokenizer_config.json"
    return None, None


def _named_template(value: object) -> str | None:
    """The template itself, or the one called "default" of a list of named templates."""
    if isinstance(value, list):
        value = {str(e.get("name")): e.get("template") for e in value if isinstance(e, dict)}
    if isinstance(value, dict):
        value = value.get("default") or next(iter(value.values()), None)
    return value if isinstance(value, str) and value.strip() else None


# ---------------------------------------------------------------- properties


def _ids(value: object) -> list[int]:
    values = value if isinstance(value, list) else [value]
    return [v for v in values if is_id(v)]


def _bos(generation: dict[str, Any], config: dict[str, Any]) -> int | None:
    ids = [*_ids(generation.get("bos_token_id")), *_ids(config.get("bos_token_id"))]
    return ids[0] if ids else None


def _end_ids(
    generation: dict[str, Any], config: dict[str, Any], special: SpecialTokens
) -> tuple[int, ...]:
    ids = [*_ids(generation.get("eos_token_id")), *_ids(config.get("eos_token_id"))]
    named = special.id_of(special.names.get("eos_token"))
    return tuple(dict.fromkeys(ids if named is None else [*ids, named]))


def _context(config: dict[str, Any], tokenizer: dict[str, Any]) -> int:
    named = [whole(config.get(name)) for name in _CONTEXT_NAMES]
    named.append(whole(tokenizer.get("model_max_length")))
    return next((n for n in named if 0 < n <= _LONGEST_CONTEXT), DEFAULT_CONTEXT)


def _short_context(config: dict[str, Any]) -> int:
    """The trained length of a model with LongRoPE (``longrope``; ``su`` in early Phi-3), in the
    spellings of transformers 4 and 5; 0 for other models."""
    scaling = config.get("rope_parameters") or config.get("rope_scaling")
    if not isinstance(scaling, dict):
        return 0
    kind = scaling.get("rope_type") or scaling.get("type")
    if kind not in ("longrope", "su", "yarn") or "long_factor" not in scaling:
        return 0
    name = "original_max_position_embeddings"
    return whole(scaling.get(name)) or whole(config.get(name))


def _style(
    template: str | None, config: dict[str, Any], bos: int | None, eos: tuple[int, ...]
) -> PromptStyle:
    if template is not None:
        return PromptStyle.TEMPLATE
    # Llama 2 was published without a template. It is recognised by its vocabulary: 32,000 tokens (a
    # few more where padding or infilling was added), which begin with <unk>, <s> and </s>. Llama 3
    # has 128,256.
    is_llama = config.get("model_type") == "llama"
    if is_llama and 0 < whole(config.get("vocab_size")) <= 33_000 and bos == 1 and 2 in eos:
        return PromptStyle.LLAMA2
    return PromptStyle.PLAIN


def _parameters(config: dict[str, Any]) -> int:
    """The number of weights of a Llama-like decoder; 0 where one of the dimensions is missing."""
    width, layers = whole(config.get("hidden_size")), whole(config.get("num_hidden_layers"))
    inner, vocab = whole(config.get("intermediate_size")), whole(config.get("vocab_size"))
    heads = whole(config.get("num_attention_heads"))
    if not (width and layers and inner and vocab and heads):
        return 0
    head = whole(config.get("head_dim")) or width // heads
    key_heads = whole(config.get("num_key_value_heads")) or heads
    experts = whole(config.get("num_local_experts")) or whole(config.get("num_experts")) or 1
    attention = 2 * width * head * (heads + key_heads)
    embeddings = vocab * width * (1 if config.get("tie_word_embeddings") else 2)
    return embeddings + layers * (attention + experts * 3 * width * inner)


def _weights_in(path: Path, config: dict[str, Any]) -> int:
    """The number of weights, estimated from the size of their files and the type in `config`."""
    exported = [path / "openvino_model.bin", path / "openvino_language_model.bin"]
    exported = [file for file in exported if file.exists()]
    files = exported[:1] or [*path.glob("*.safetensors")]
    try:
        size = sum(file.stat().st_size for file in files)
    except OSError as error:
        raise ModelError(f"The weights in {path} cannot be read: {error.strerror}.") from error
    if exported:
        return size  # assumes 8 bits a weight: right within a factor of two for 4 to 16 bits
    wide = str(config.get("torch_dtype") or config.get("dtype") or "") == "float32"
    return size // (4 if wide else 2)
