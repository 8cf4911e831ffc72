"""What a GGUF file says of its model: special tokens, templates, size, and all of `Metadata`.

Sources of the names: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md ("Standardized
key-value pairs") and gguf-py/gguf/constants.py in ggml-org/llama.cpp.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import ModelError
from bot.models.gguf_ends import end_texts
from bot.models.gguf_files import quantization_of
from bot.worker.gguf.files import parts_of
from bot.worker.gguf.header import Header, NotGguf, Tensor, Truncated, read_header
from bot.worker.gguf.metadata import Metadata

_TOKENS = "tokenizer.ggml.tokens"
_TEMPLATE = "tokenizer.chat_template"

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
class Gguf(Metadata):
    """A model in one GGUF file, or in one that was split. `values` are the metadata of the first
    part."""

    path: Path
    """The file that was named; of a split one, its first part."""
    parts: tuple[Path, ...]
    tensors: tuple[Tensor, ...]
    """Of all parts."""
    size: int
    """Bytes of all parts."""

    # ------------------------------------------------------------ identity

    @property
    def name(self) -> str:
        """The model's own name, as its converter found it; often of little use."""
        return self.text("general.name")

    @property
    def quantization(self) -> str:
        """Such as "Q4_K_M"; "" where neither metadata nor the file's name says it."""
        return quantization_of(self.path.name) or self.file_type

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return sum(tensor.weights for tensor in self.tensors)

    @property
    def vocabulary(self) -> int:
        """The rows of the embedding table; the number of tokens where there is no such tensor."""
        for tensor in self.tensors:
            if tensor.name == "token_embd.weight" and len(tensor.shape) == 2:
                return tensor.shape[1]
        return len(self.texts(_TOKENS))

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

    def texts(self, key: str) -> Sequence[bytes]:
        value = self.values.get(key)
        return value if isinstance(value, list) else []

    def numbers(self, key: str) -> Sequence[int | float]:
        value = self.values.get(key)
        return [] if value is None or isinstance(value, (str, int, float, list)) else value  # type: ignore[return-value]


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
