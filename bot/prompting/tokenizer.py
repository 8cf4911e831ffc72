"""Text to token ids and back, without torch or transformers.

Text is tokenized *as text*: special tokens are never recognised in it, so ``</s>`` in user input
becomes the tokens of its four characters. Only a chat template's own text can name special tokens
(`TextTokenizer.split_control`).

Two families of tokenizers are supported: SentencePiece (Llama 2, Mistral, Gemma, Phi-3), whose
pieces write a space as ``▁`` and rare characters as single bytes, and byte-level BPE (Llama 3,
Qwen, GPT-2). In both, each token stands for a fixed sequence of bytes, so a stream of tokens can be
decoded exactly.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers

from bot.errors import ModelError
from bot.files import parse_json
from bot.models.gguf import read_gguf
from bot.models.special_tokens import AddedToken
from bot.prompting.gguf_tokenizer import UnsupportedTokenizer, gguf_spec
from bot.prompting.sentencepiece import SPACE, tokenizer_spec
from bot.prompting.tokenizer_json import (
    ControlToken,
    DecoderFamily,
    byte_of_character,
    composes,
    control_tokens,
    decoder_family,
    first_token,
    pieces,
    prefixes,
    text_only,
    with_added,
)
from bot.worker.gguf.files import is_gguf

_SAMPLE = "Hello, 12 <s> \t\nñ \U0010fffd"
"""A text with letters, digits, white space and a character that is in no vocabulary."""

_BYTE_PIECE = re.compile("<0x([0-9A-Fa-f]{2})>")

_GIT_LFS = b"version https://git-lfs"


@dataclass(frozen=True, slots=True)
class _Encoders:
    start: tokenizers.Tokenizer
    continuation: tokenizers.Tokenizer


class TextTokenizer:
    """A model's tokenizer. Immutable and thread-safe."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        """`spec` is the content of a ``tokenizer.json``. Raises ValueError if it is unsupported."""
        self.control: Mapping[str, ControlToken] = control_tokens(spec)
        """Special and other added tokens, which only a template can name, by their text."""
        self.special = frozenset(t.id for t in self.control.values() if t.special)
        """Ids of the special tokens, which stand for no text: BOS, EOS, padding, turns."""
        self.added_bos = first_token(spec)
        """The id (BOS) that the tokenizer puts in front of each text, or None."""
        self.kind = str(spec["model"].get("type", ""))
        """"BPE" or "Unigram"."""
        self.composes = composes(spec)
        """Whether text is brought into Unicode's form NFC first."""
        self._family = decoder_family(spec)
        self._pieces = pieces(spec)
        self._literal = frozenset(t.id for t in self.control.values())
        prefix = prefixes(spec)
        self._strips_space = prefix.any
        self.prefix_after_control = prefix.always
        """Whether text after a special token gets a space in front, as text at the start does."""
        self._encoders = _encoders(spec, differ=prefix.any)
        self._bytes: dict[int, bytes] = {}
        longest_first = sorted(self.control, key=len, reverse=True)
        self._control_pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    @classmethod
    def load(cls, folder: Path, added: Sequence[AddedToken] = ()) -> "TextTokenizer":
        """The tokenizer in a model's folder: ``tokenizer.json``, else ``tokenizer.model``, with the
        tokens that other files declare (``ModelFolder.added_tokens``); or the one in a GGUF file.

        Raises ModelError where neither is there or can be used. Takes up to a second for a
        vocabulary of 128,000.
        """
        if is_gguf(folder):
            return cls._usable(folder, lambda: gguf_spec(read_gguf(folder)))
        path = next(
            (p for name in ("tokenizer.json", "tokenizer.model") if (p := folder / name).exists()),
            None,
        )
        if path is None:
            only = " (openvino_tokenizer.xml is for OpenVINO's own programs)"
            other = only if (folder / "openvino_tokenizer.xml").exists() else ""
            raise ModelError(
                f"{folder} holds neither tokenizer.json nor tokenizer.model{other}: copy the "
                "tokenizer files of the original model there."
            )
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
        if data.startswith(_GIT_LFS):
            raise ModelError(f"{path} is only a Git LFS pointer: run “git lfs pull” in {folder}.")
        read = parse_json if path.suffix == ".json" else tokenizer_spec
        return cls._usable(path, lambda: with_added(read(data), added))

    @classmethod
    def _usable(cls, path: Path, spec: Callable[[], Mapping[str, Any]]) -> "TextTokenizer":
        """The tokenizer that `spec` reads from the file `path`. Raises ModelError."""
        try:
            loaded = cls(spec())
            # A damaged vocabulary shows only when it is used.
            for start in (True, False):
                loaded.decode(loaded.encode_text(_SAMPLE, start=start), show_control=True)
            return loaded
        except TokenizerPanic as error:
            raise ModelError(f"{path}: {error}") from error
        except ModelError:
            raise
        except UnsupportedTokenizer as error:
            raise ModelError(
                f"{path} cannot be used: {error}. Choose a newer file of this model, or start "
                'llama-server with it yourself and set [model] backend = "openai".'
            ) from error
        # The tokenizers library raises bare Exception for whatever it does not like.
        except Exception as error:
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            again = "the file" if is_gguf(path) else "the model's tokenizer files"
            raise ModelError(
                f"{path} cannot be used as a tokenizer: {reason}. Download {again} again."
            ) from error

    # ------------------------------------------------------------ text to ids

    def encode_text(self, text: str, *, start: bool) -> list[int]:
        """The token ids of `text`, none of which is a special token. No BOS is added.

        `start` is whether `text` begins a text, in front of which Llama's tokenizer puts a space,
        or continues one. Unpaired surrogates become U+FFFD. Raises ModelError where the files are
        so damaged that they fail on this text.
        """
        if not text:
            return []
        encoder = self._encoders.start if start else self._encoders.continuation
        try:
            return _ids(encoder, text)
        except (UnicodeEncodeError, TypeError):
            whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return _ids(encoder, whole)

    def split_control(self, text: str) -> list[str | ControlToken]:
        """A template's own `text`, split at the special tokens that it names."""
        parts: list[str | ControlToken] = []
        position = 0
        for match in self._control_pattern.finditer(text):
            if match.start() > position:
                parts.append(text[position : match.start()])
            parts.append(self.control[match.group()])
            position = match.end()
        if position < len(text):
            parts.append(text[position:])
        return parts

    def token_id(self, token: str) -> int | None:
        """The id of a special or added token; None where the tokenizer has none of that text."""
        found = self.control.get(token)
        return None if found is None else found.id

    def token_text(self, token: int) -> str | None:
        """The text of a special or added token; None for another id."""
        return self._pieces[token] if token in self._literal else None

    # ------------------------------------------------------------ ids to text

    def token_bytes(self, token: int) -> bytes:
        """The UTF-8 bytes that a token stands for; empty for an id that is no token."""
        known = self._bytes.get(token)
        if known is None:
            known = self._bytes[token] = self._bytes_of(token)
        return known

    def _bytes_of(self, token: int) -> bytes:
        piece = self._pieces.get(token, "")
        if token in self._literal:
            whole = self._family is DecoderFamily.BYTE_LEVEL
            return (piece if whole else piece.replace(SPACE, " ")).encode()
        if self._family is DecoderFamily.BYTE_LEVEL:
            characters = byte_of_character()
            if all(character in characters for character in piece):
                return bytes(characters[character] for character in piece)
            return piece.encode()
        if byte := _BYTE_PIECE.fullmatch(piece):
            return bytes([int(byte[1], 16)])
        return piece.replace(SPACE, " ").encode()

    def decode(self, ids: Iterable[int], *, show_control: bool = False) -> str:
        """The text of `ids`, without the space that the tokenizer puts in front of a text.

        Special tokens are left out, or with `show_control` written as their text. Invalid UTF-8
        becomes U+FFFD, byte by byte; an incomplete character at the end is left out.
        """
        shown = [i for i in ids if show_control or i not in self.special]
        text, _ = whole_characters(b"".join(map(self.token_bytes, shown)))
        return text[1:] if self._strips_space and text.startswith(" ") else text


class StreamDecoder:
    """Decodes the tokens of one answer incrementally.

    The returned texts joined equal `TextTokenizer.decode` of all ids, except that leading spaces
    and newlines of a fresh answer are dropped. No text ends in an incomplete character, and U+FFFD
    stands only for bytes that no later token can complete. The cost of a call depends on its ids
    alone, not on the length of the answer.
    """

    def __init__(
        self,
        tokenizer: TextTokenizer,
        *,
        after: Sequence[int] | None = None,
        shown: frozenset[int] = frozenset(),
    ) -> None:
        """`after`: for an answer that is continued, the preceding ids, of which the last three are
        enough; None or empty for a fresh answer. `shown`: special tokens that are written out, such
        as the tags around a thought, until `hide_control`."""
        self._tokenizer = tokenizer
        self._dropped = tokenizer.special - shown
        self._at_start = not after
        self._held = b""
        if after:
            # A character has at most four bytes, so at most three tokens can precede its last byte.
            _, self._held = whole_characters(self._text_bytes(after[-3:]))

    def feed(self, ids: Iterable[int]) -> str:
        """The text that `ids` add; "" while a character is incomplete."""
        text, self._held = whole_characters(self._held + self._text_bytes(ids))
        if self._at_start:
            text = text.lstrip(" \n")
            self._at_start = not text
        return text

    def flush(self) -> str:
        """Ends the answer; always "". An incomplete character is dropped instead of shown as
        U+FFFD: the model generates it again when the answer is continued."""
        self._held = b""
        return ""

    def hide_control(self) -> None:
        """From now on no special token is written out."""
        self._dropped = self._tokenizer.special

    def _text_bytes(self, ids: Iterable[int]) -> bytes:
        known = self._tokenizer
        return b"".join(known.token_bytes(token) for token in ids if token not in self._dropped)


def whole_characters(data: bytes) -> tuple[str, bytes]:
    """`data` decoded as UTF-8, and the bytes of an incomplete character at its end.

    Each invalid byte becomes one U+FFFD, as in SentencePiece.
    """
    texts: list[str] = []
    while data:
        try:
            texts.append(data.decode("utf-8"))
            break
        except UnicodeDecodeError as error:
            texts.append(data[: error.start].decode("utf-8"))
            if error.reason == "unexpected end of data":
                return "".join(texts), data[error.start :]
            texts.append("\ufffd" * (error.end - error.start))
            data = data[error.end :]
    return "".join(texts), b""


def _ids(encoder: tokenizers.Tokenizer, text: str) -> list[int]:
    # Only the batch methods of the library release the GIL. Versions before 0.20 lack the fast one,
    # which does not compute offsets.
    encode = getattr(encoder, "encode_batch_fast", encoder.encode_batch)
    with _panics_told():
        return list(encode([text], add_special_tokens=False)[0].ids)


class TokenizerPanic(ModelError):
    """The tokenizers library panicked: the files hold what its authors thought impossible."""


@contextmanager
def _panics_told() -> Iterator[None]:
    """A panic of Rust is no Exception in Python, so whoever catches those would not see it."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise TokenizerPanic(
            "the model's tokenizer is damaged, and fails on a text: download the model again."
        ) from error


def _encoders(spec: Mapping[str, Any], *, differ: bool) -> _Encoders:
    start = _encoder(text_only(spec, prefix=True))
    return _Encoders(start, _encoder(text_only(spec, prefix=False)) if differ else start)


def _encoder(spec: dict[str, Any]) -> tokenizers.Tokenizer:
    # Merges are [left, right] in newer files and "left right" in older ones. All versions of the
    # library read the older form, which cannot express pieces with a space.
    merges = spec["model"].get("merges") or []
    pairs = [merge for merge in merges if not isinstance(merge, str)]
    if pairs and not any(" " in piece for pair in pairs for piece in pair):
        older = [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]
        spec = {**spec, "model": {**spec["model"], "merges": older}}
    with _panics_told():
        return tokenizers.Tokenizer.from_str(json.dumps(spec))
