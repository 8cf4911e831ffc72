"""What a GGUF file says of its model: architecture, context, special tokens, templates, size.

Sources of the names: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md ("Standardized
key-value pairs") and gguf-py/gguf/constants.py in ggml-org/llama.cpp.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import ModelError
from bot.models.gguf_ends import end_texts
from bot.models.gguf_files import SUFFIX, parts_of, quantization_of
from bot.models.gguf_header import Header, NotGguf, Tensor, Truncated, Value, read_header

_TOKENS = "tokenizer.ggml.tokens"
_TEMPLATE = "tokenizer.chat_template"

# fmt: off
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0",
    38: "MXFP4", 39: "NVFP4", 40: "Q1_0", 41: "Q2_0",
}
# fmt: on
"""Names of ``general.file_type``. Source: ``LlamaFileType`` in llama.cpp's constants.py."""

_EMBEDDING = frozenset(
    {
        *("bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3"),
        *("modern-bert", "eurobert", "gemma-embedding", "llama-embed", "t5encoder"),
    }
)
"""Architectures that make vectors of texts and generate none."""
_OTHER = {
    "t5": "is an encoder with a decoder (T5), which Parley's backends do not run",
    "dream": "is a diffusion model, which generates no text from left to right",
    "llada": "is a diffusion model, which generates no text from left to right",
    "llada-moe": "is a diffusion model, which generates no text from left to right",
    "wavtokenizer-dec": "decodes sound",
}


@dataclass(frozen=True, slots=True)
class Gguf:
    """A model in one GGUF file, or in one that was split."""

    path: Path
    """The file that was named; of a split one, its first part."""
    parts: tuple[Path, ...]
    values: Mapping[str, Value]
    """The metadata, from the first part."""
    tensors: tuple[Tensor, ...]
    """Of all parts."""
    size: int
    """Bytes of all parts."""

    # ------------------------------------------------------------ identity

    @property
    def architecture(self) -> str:
        return self.text("general.architecture")

    @property
    def name(self) -> str:
        """The model's own name, as its converter found it; often of little use."""
        return self.text("general.name")

    @property
    def quantization(self) -> str:
        """Such as "Q4_K_M"; "" where neither metadata nor the file's name says it."""
        named = quantization_of(self.path.name)
        number = self.number("general.file_type", -1) & ~1024  # 1024: guessed from the tensors
        return named or FILE_TYPES.get(number, "")

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return sum(tensor.weights for tensor in self.tensors)

    # ------------------------------------------------------------ dimensions

    @property
    def context(self) -> int:
        """The context window that the model was trained with, in tokens; 0 where it is missing."""
        return self.of_model("context_length")

    @property
    def layers(self) -> int:
        return self.of_model("block_count")

    @property
    def width(self) -> int:
        """The size of a hidden state."""
        return self.of_model("embedding_length")

    @property
    def vocabulary(self) -> int:
        """The rows of the embedding table; the number of tokens where there is no such tensor."""
        for tensor in self.tensors:
            if tensor.name == "token_embd.weight" and len(tensor.shape) == 2:
                return tensor.shape[1]
        return len(self.texts(_TOKENS))

    @property
    def cache_values(self) -> int:
        """The numbers that the KV cache keeps for each token, all layers together, as if no layer
        had a sliding window: an upper bound. 0 where the metadata does not say."""
        heads = self.of_model("attention.head_count")
        head = self.width // heads if heads else 0
        key = self.of_model("attention.key_length") or head
        value = self.of_model("attention.value_length") or head
        shared = self.of_model("attention.shared_kv_layers")
        return self._key_heads(heads, max(0, self.layers - shared)) * (key + value)

    def _key_heads(self, heads: int, layers: int) -> int:
        """The key heads of the first `layers` layers together. Only every n-th layer of a hybrid
        (``full_attention_interval``) has attention."""
        given = self.values.get(f"{self.architecture}.attention.head_count_kv", heads)
        if isinstance(given, Sequence) and not isinstance(given, str):
            return sum(n for n in given[:layers] if isinstance(n, int) and n >= 0)
        heads = self.of_model("attention.head_count_kv") or heads
        return heads * (layers // (self.of_model("full_attention_interval") or 1))

    # ------------------------------------------------------------ tokens

    @property
    def bos(self) -> int | None:
        """The id of the token that begins a text."""
        default = 1 if self.text("tokenizer.ggml.model") == "llama" else None
        return self.token("bos", default)

    @property
    def ends(self) -> tuple[int, ...]:
        """The ids of the tokens that end an answer: those that the metadata name (end of sequence,
        of a turn, of a message), and those whose text always means that (`gguf_ends`)."""
        default = 2 if self.text("tokenizer.ggml.model") == "llama" else None
        named = [self.token("eos", default), self.token("eot"), self.token("eom")]
        tokens, types = self.texts(_TOKENS), self.numbers("tokenizer.ggml.token_type")
        marked = {
            tokens[number].decode("utf-8", "replace"): number
            for number, kind in enumerate(types[: len(tokens)])
            if kind in (3, 4)  # control, user-defined
        }
        by_text = [marked[text] for text in end_texts(marked)]
        return tuple(dict.fromkeys(i for i in (*named, *by_text) if i is not None))

    def token(self, name: str, default: int | None = None) -> int | None:
        """The id ``tokenizer.ggml.NAME_token_id``; `default` where there is none in the
        vocabulary."""
        number = self.number(f"tokenizer.ggml.{name}_token_id", -1)
        if number < 0 and default is not None:
            number = default
        return number if 0 <= number < len(self.texts(_TOKENS)) else None

    def token_text(self, number: int | None) -> str:
        """The text of a token as a template writes it; "" for None."""
        tokens = self.texts(_TOKENS)
        return "" if number is None else tokens[number].decode("utf-8", "replace")

    @property
    def special_tokens(self) -> dict[str, str]:
        """The texts of the special tokens by the names that templates have for them."""
        names = {"bos": self.bos, "eos": self.token("eos"), "unk": self.token("unknown")}
        names |= {"pad": self.token("padding"), "sep": self.token("separator")}
        return {
            f"{name}_token": self.token_text(number)
            for name, number in names.items()
            if number is not None
        }

    @property
    def templates(self) -> dict[str, str]:
        """The chat templates by name: "default", and others that a model may have beside it."""
        named = {
            key.removeprefix(f"{_TEMPLATE}."): value
            for key, value in self.values.items()
            if key.startswith(f"{_TEMPLATE}.") and isinstance(value, str) and value.strip()
        }
        own = self.text(_TEMPLATE)
        return {"default": own, **named} if own.strip() else named

    # ------------------------------------------------------------ values

    def text(self, key: str) -> str:
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str, default: int = 0) -> int:
        value = self.values.get(key)
        return value if isinstance(value, int) else default

    def of_model(self, key: str) -> int:
        """A whole number of this architecture; 0 where it is missing, the largest of a list that
        has one for each layer."""
        value = self.values.get(f"{self.architecture}.{key}", 0)
        if isinstance(value, Sequence) and not isinstance(value, str):
            value = max((entry for entry in value if isinstance(entry, int)), default=0)
        return value if isinstance(value, int) and 0 <= value < 1 << 40 else 0

    def texts(self, key: str) -> Sequence[bytes]:
        value = self.values.get(key)
        return value if isinstance(value, list) else []

    def numbers(self, key: str) -> Sequence[int | float]:
        value = self.values.get(key)
        return [] if value is None or isinstance(value, (str, int, float, list)) else value  # type: ignore[return-value]


def is_gguf(path: Path) -> bool:
    """Whether `path` is named as a GGUF file."""
    return path.suffix.lower() == SUFFIX and not path.is_dir()


def read_gguf(path: Path) -> Gguf:
    """Read the header of the GGUF file `path`, and of the other parts where it was split.

    Blocks for up to a second. Raises ModelError, with the remedy, where a part is missing, damaged
    or cut off, and where the file is no model that generates text: a LoRA adapter, an embedding
    model, a vocabulary, or the image encoder beside a model.
    """
    names = parts_of(path.name)
    if path.name != names[0]:
        raise ModelError(f"{path} is a part of a split model: name its first part, {names[0]}.")
    parts = tuple(path.with_name(name) for name in names)
    headers = [_header(part) for part in parts]
    gguf = Gguf(
        path=path,
        parts=parts,
        values=headers[0].values,
        tensors=tuple(tensor for header in headers for tensor in header.tensors),
        size=sum(header.size for header in headers),
    )
    _require_all_parts(gguf)
    _require_model(gguf)
    return gguf


def _header(path: Path) -> Header:
    try:
        return read_header(path)
    except FileNotFoundError as error:
        raise ModelError(
            f"{path} does not exist: correct its name, or download it (of a split model, every "
            "part)."
        ) from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
    except Truncated as error:
        raise ModelError(f"{path} is incomplete ({error}): download it again.") from error
    except NotGguf as error:
        raise ModelError(
            f"{path} cannot be used ({error}): download it again, or choose another file of this "
            "model."
        ) from error


def _require_all_parts(gguf: Gguf) -> None:
    count = gguf.number("split.count", 1)
    if count > 1 and count != len(gguf.parts):
        raise ModelError(
            f"{gguf.path} is one of {count} parts, and its name does not end in "
            f"-00001-of-{count:05}.gguf: give all parts their original names."
        )
    expected = gguf.number("split.tensors.count", len(gguf.tensors))
    if count > 1 and expected != len(gguf.tensors):
        raise ModelError(
            f"The parts of {gguf.path} do not belong together ({len(gguf.tensors)} of {expected} "
            "tensors): download them again."
        )


def _require_model(gguf: Gguf) -> None:
    """Raises ModelError where the file is no model that generates text."""
    kind, architecture = gguf.text("general.type"), gguf.architecture
    if kind == "adapter":
        raise ModelError(
            f"{gguf.path} is a LoRA adapter: name a model with which it was merged, or start "
            'llama-server with both (--lora) and set [model] backend = "openai".'
        )
    if kind == "mmproj" or architecture == "clip":
        raise ModelError(
            f"{gguf.path} encodes images for a model and is none itself: name the model's own "
            "file, which lies beside it."
        )
    if kind == "imatrix" or "imatrix.chunk_count" in gguf.values:
        raise ModelError(
            f"{gguf.path} is data that guided a quantization: name the model's own file."
        )
    if not architecture:
        raise ModelError(f"{gguf.path} names no general.architecture: choose another file.")
    if architecture in _EMBEDDING or gguf.of_model("pooling_type") > 0:
        raise ModelError(
            f"{gguf.path} is an embedding model, which generates no text: name a chat model."
        )
    if architecture in _OTHER:
        raise ModelError(f"{gguf.path} {_OTHER[architecture]}: name a chat model.")
    if not gguf.tensors:
        raise ModelError(
            f"{gguf.path} holds only a vocabulary, no weights: name the model's own file."
        )
