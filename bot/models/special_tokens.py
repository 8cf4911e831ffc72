"""The special and added tokens that a model's folder declares beside its tokenizer.

They stand in several files, of which older and newer models have different ones. They are read as
in Hugging Face's ``PreTrainedTokenizerBase._from_pretrained`` (huggingface/transformers,
``tokenization_utils_base.py``): ``tokenizer_config.json`` names them and, in
``added_tokens_decoder``, gives their ids; where that is missing, ``special_tokens_map.json``
overrides the names and ``added_tokens.json`` gives the ids.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.models.json_values import Json, is_id

_ID = re.compile("[0-9]{1,9}")
_EXTRA = ("additional_special_tokens", "extra_special_tokens")


@dataclass(frozen=True, slots=True)
class AddedToken:
    """A token that the tokenizer's own file may lack."""

    text: str
    id: int | None
    """None for a token that only has a name: the vocabulary gives its id."""
    special: bool
    strips_left: bool = False
    strips_right: bool = False


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """What the files beside the tokenizer say of tokens."""

    names: Mapping[str, str]
    """The texts of the special tokens by their names in templates: ``bos_token`` and others."""
    withheld: frozenset[str]
    """Names that a file sets to null: the model has no such token, whatever other files say."""
    added: tuple[AddedToken, ...]

    @classmethod
    def read(cls, config: Json, special_map: Json, added: Json) -> "SpecialTokens":
        """From ``tokenizer_config.json``, ``special_tokens_map.json`` and ``added_tokens.json``.
        Values of the wrong type count as missing."""
        decoder = config.get("added_tokens_decoder")
        newer = isinstance(decoder, dict)
        merged = dict(config) if newer else {**config, **special_map}
        names = {
            name: text
            for name, value in merged.items()
            if name.endswith("_token") and (text := _text(value)) is not None
        }
        special = set(names.values()) | set(_extra(merged))
        known = list(_decoded(decoder) if newer else _numbered(added, special))
        ids = {token.text for token in known}
        known += [AddedToken(text, None, special=True) for text in special if text not in ids]
        withheld = {name for name, value in merged.items() if value is None}
        return cls(names, frozenset(withheld), tuple(known))

    def id_of(self, text: str | None) -> int | None:
        """The id of a token, where a file gives it."""
        return next((token.id for token in self.added if token.text == text), None)


def _text(value: Any) -> str | None:
    # Older files have an object with the token's properties, newer ones its text.
    text = value.get("content") if isinstance(value, dict) else value
    return text if isinstance(text, str) and text else None


def _extra(merged: Json) -> Iterator[str]:
    for name in _EXTRA:
        found = merged.get(name)
        values = list(found.values()) if isinstance(found, dict) else found
        for value in values if isinstance(values, list) else ():
            if (text := _text(value)) is not None:
                yield text


def _decoded(decoder: Any) -> Iterator[AddedToken]:
    for number, token in decoder.items():
        text = _text(token) if isinstance(token, dict) else None
        if text is not None and _ID.fullmatch(number):
            yield AddedToken(
                text,
                int(number),
                special=token.get("special") is True,
                strips_left=token.get("lstrip") is True,
                strips_right=token.get("rstrip") is True,
            )


def _numbered(added: Json, special: set[str]) -> Iterator[AddedToken]:
    for text, number in added.items():
        if text and is_id(number):
            yield AddedToken(text, number, special=text in special)
