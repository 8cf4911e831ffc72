"""A model's folder for each template; its tokenizer declares the special tokens that it names."""

import json
import os
import re
from pathlib import Path

from tests.tiny_tokenizer import byte_level_spec

FOLDER = os.environ.get("PARLEY_TEST_TEMPLATES", "")
"""The folder with the templates; "" where these tests are not run."""

_MARK = re.compile(
    r"<[|｜][^\s<>|｜{}'\"]+[|｜]?>"  # <|im_start|>, <｜User｜>, <|turn>
    r"|<[a-z_]+[|｜]>"  # <turn|>
    r"|</?[a-z_:]+[a-z0-9_]*>"  # <think>, </seed:think>, <start_of_turn>
    r"|\[/?[A-Z]+(?:_[A-Z]+)*\]"  # [INST], [/THINK]
    r"|\]~b\]|\]~!b\[|\[e~\["  # MiniMax
)
_BEGINNINGS = ("<|begin_of_text|>", "<｜begin▁of▁sentence｜>", "<bos>", "<|startoftext|>", "<s>")
_ENDS = ("<|eot_id|>", "<｜end▁of▁sentence｜>", "<|im_end|>", "<end_of_turn>", "<eos>", "</s>")


def templates() -> list[Path]:
    """The templates, by name."""
    return sorted(Path(FOLDER).glob("*.jinja")) if FOLDER else []


def special_tokens(source: str) -> list[str]:
    """The marks that the template names, and a beginning and an end."""
    found = dict.fromkeys(_MARK.findall(source))
    begin = next((token for token in _BEGINNINGS if token in source), _BEGINNINGS[-1])
    end = next((token for token in _ENDS if token in source), _ENDS[-1])
    return [begin, end, *(token for token in found if token not in (begin, end))]


def write_folder(folder: Path, source: str) -> Path:
    """Write a model's folder without weights; return it."""
    tokens = special_tokens(source)
    spec = byte_level_spec(tokens)
    for token in spec["added_tokens"]:
        # As published: <think> and the like are added tokens, but part of the text.
        token["special"] = not re.fullmatch("</?[a-z_:]+>", token["content"])
    config = {"model_type": "any", "vocab_size": 512 + len(tokens), "eos_token_id": 513}
    special = {"bos_token": tokens[0], "eos_token": tokens[1]}
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(json.dumps(special))
    (folder / "tokenizer.json").write_text(json.dumps(spec))
    (folder / "chat_template.jinja").write_text(source, encoding="utf-8")
    return folder
