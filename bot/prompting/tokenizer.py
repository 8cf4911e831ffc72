"""Text to token ids and back, without torch or transformers.

What a person types is encoded *as text*: no control token is ever recognised in it, so a typed
``</s>`` becomes the tokens of its four characters. Only a chat template's own words may name
control tokens (`TextTokenizer.split_control`).

Two families of tokenizers are known: SentencePiece's (Llama 2, Mistral, Gemma, Phi-3), whose
pieces write a space as ``▁`` and rare characters as single bytes, and byte-level BPE (Llama 3,
Qwen, GPT-2). In both, each token stands for fixed bytes, which makes decoding a stream exact.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers

from bot.errors import ModelError
from bot.prompting.sentencepiece import SPACE, tokenizer_spec
from bot.prompting.tokenizer_json import (
    ControlToken,
    DecoderFamily,
    byte_of_character,
    control_tokens,
    decoder_family,
    first_token,
    pieces,
    prefixes,
    text_only,
)

_GIT_LFS = b"version https://git-lfs"


@dataclass(frozen=True, slots=True)
class _Encoders:
    start: tokenizers.Tokenizer
    continuation: tokenizers.Tokenizer


class TextTokenizer:
    """A model's tokenizer. Immutable and safe to use from several threads."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        """`spec` is the content of a ``tokenizer.json``. Raises ValueError for an unknown kind."""
        self.control: Mapping[str, ControlToken] = control_tokens(spec)
        """The tokens that a template may name, by their text."""
        self.special = frozenset(t.id for t in self.control.values() if t.special)
        """Ids that stand for no text: start, end, padding, turns."""
        self.added_bos = first_token(spec)
        """The id that the tokenizer itself puts before each text, or None."""
        self._family = decoder_family(spec)
        self._pieces = pieces(spec)
        self._literal = frozenset(t.id for t in self.control.values())
        prefix = prefixes(spec)
        self._strips_space = prefix.any
        self.prefix_after_control = prefix.always
        """Whether text after a control token gets the same space in front as text at the start."""
        self._encoders = _encoders(spec, differ=prefix.any)
        self._bytes: dict[int, bytes] = {}
        longest_first = sorted(self.control, key=len, reverse=True)
        self._control_pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    @classmethod
    def load(cls, folder: Path) -> "TextTokenizer":
        """The tokenizer in a model's folder: ``tokenizer.json``, else ``tokenizer.model``.

        Raises ModelError where neither is there or can be used. Takes up to a second for a
        vocabulary of 128,000.
        """
        path = next(
            (p for name in ("tokenizer.json", "tokenizer.model") if (p := folder / name).exists()),
            None,
        )
        if path is None:
            raise ModelError(
                f"{folder} holds neither tokenizer.json nor tokenizer.model: copy the tokenizer "
                "files of the original model there."
            )
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
        if data.startswith(_GIT_LFS):
            raise ModelError(f"{path} is only a Git LFS pointer: run “git lfs pull” in {folder}.")
        try:
            return cls(json.loads(data) if path.suffix == ".json" else tokenizer_spec(data))
        # The tokenizers library raises bare Exception for whatever it does not like.
        except Exception as error:
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise ModelError(
                f"{path} cannot be used as a tokenizer: {reason}. Download the model's tokenizer "
                "files again."
            ) from error

    # ------------------------------------------------------------ text to ids

    def encode_text(self, text: str, *, start: bool) -> list[int]:
        """The ids of `text`, in which nothing is a control token.

        With `start`, as at the beginning of a text, where Llama's tokenizer puts a space in front;
        else as the continuation of one. Half surrogate pairs become U+FFFD.
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
        """A template's own `text`, cut at the control tokens that it names."""
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

    def encode_control(self, text: str, *, start: bool = True) -> list[int]:
        """The ids of a template's own `text`, with its control tokens; no BOS is added."""
        ids: list[int] = []
        for part in self.split_control(text):
            if isinstance(part, ControlToken):
                ids.append(part.id)
            else:
                first = start if not ids else self.prefix_after_control
                ids += self.encode_text(part, start=first)
        return ids

    def token_id(self, token: str) -> int | None:
        """The id of a control token, or None where the tokenizer has none of that name."""
        found = self.control.get(token)
        return None if found is None else found.id

    # ------------------------------------------------------------ ids to text

    def token_bytes(self, token: int) -> bytes:
        """The UTF-8 bytes that a token stands for; empty for an id without a token."""
        known = self._bytes.get(token)
        if known is None:
            known = self._bytes[token] = self._bytes_of(token)
        return known

    def _bytes_of(self, token: int) -> bytes:
        piece = self._pieces.get(token, "")
        if token in self._literal:
            return piece.replace(SPACE, " ").encode()
        if self._family is DecoderFamily.BYTE_LEVEL:
            characters = byte_of_character()
            if all(character in characters for character in piece):
                return bytes(characters[character] for character in piece)
            return piece.encode()
        if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
            return bytes([int(piece[3:5], 16)])
        return piece.replace(SPACE, " ").encode()

    def decode(self, ids: Iterable[int], *, show_control: bool = False) -> str:
        """The text of `ids` from its beginning, without the space that the tokenizer put there.

        Special tokens are left out, or written as their names with `show_control`. A byte that is
        no UTF-8 becomes U+FFFD; half a character at the end is left out.
        """
        shown = [i for i in ids if show_control or i not in self.special]
        text, _ = whole_characters(b"".join(map(self.token_bytes, shown)))
        return text[1:] if self._strips_space and text.startswith(" ") else text


class StreamDecoder:
    """Turns the ids of one answer into text as they come.

    The texts joined are `TextTokenizer.decode` of all ids, save for spaces and newlines at the very
    start of a fresh answer, which are dropped. No text ends in half a character, and U+FFFD stands
    only for bytes that nothing later can complete. A call costs as much as its ids, however long
    the answer is.
    """

    def __init__(self, tokenizer: TextTokenizer, *, after: Sequence[int] | None = None) -> None:
        """`after`: for an answer that is continued, the ids before (their last few are enough);
        None or empty for a fresh one."""
        self._tokenizer = tokenizer
        self._at_start = not after
        self._held = b""
        if after:
            # No character is longer than four bytes, so the last three tokens may hold one's start.
            _, self._held = whole_characters(self._text_bytes(after[-3:]))

    def feed(self, ids: Iterable[int]) -> str:
        """The text that `ids` complete; often "" while a character is unfinished."""
        text, self._held = whole_characters(self._held + self._text_bytes(ids))
        if self._at_start:
            text = text.lstrip(" \n")
            self._at_start = not text
        return text

    def flush(self) -> str:
        """The end of the answer: what is still to be shown. Half a character is dropped, not shown
        as U+FFFD: an answer that is continued from its text writes it whole."""
        self._held = b""
        return ""

    def _text_bytes(self, ids: Iterable[int]) -> bytes:
        known = self._tokenizer
        return b"".join(known.token_bytes(token) for token in ids if token not in known.special)


def whole_characters(data: bytes) -> tuple[str, bytes]:
    """`data` as text, and the bytes of an unfinished character at its end.

    Each byte that belongs to no character becomes one U+FFFD, as SentencePiece decodes it.
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
    # Of the library's ways to encode, only those for batches let other threads run meanwhile.
    # Before 0.20 there was only the one that also computes offsets.
    encode = getattr(encoder, "encode_batch_fast", encoder.encode_batch)
    return list(encode([text], add_special_tokens=False)[0].ids)


def _encoders(spec: Mapping[str, Any], *, differ: bool) -> _Encoders:
    start = _encoder(text_only(spec, prefix=True))
    return _Encoders(start, _encoder(text_only(spec, prefix=False)) if differ else start)


def _encoder(spec: dict[str, Any]) -> tokenizers.Tokenizer:
    # Merges are written as [left, right] in newer files and as "left right" in older ones. Every
    # version of the library reads the older form, which has no place for pieces with a space.
    merges = spec["model"].get("merges") or []
    pairs = [merge for merge in merges if not isinstance(merge, str)]
    if pairs and not any(" " in piece for pair in pairs for piece in pair):
        older = [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]
        spec = {**spec, "model": {**spec["model"], "merges": older}}
    return tokenizers.Tokenizer.from_str(json.dumps(spec))
