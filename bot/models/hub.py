"""What the Hugging Face Hub has of a model, and which of its files Parley needs.

The Hub's library is imported when it is asked for something: it takes a while.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.errors import ModelError
from bot.models.errors import hub_faults

WHOLE_NAME = re.compile(r"[\w.-]+/[\w.-]+")
REVISION = "main"

_OPENVINO = ("openvino_model.xml", "openvino_model.bin")
_BESIDE_WEIGHTS = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "model.safetensors.index.json",
)
_TERMS = re.compile(r"(README|LICENSE|NOTICE|USE_POLICY)[\w.-]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository."""

    path: str
    size: int
    """Bytes."""
    etag: str
    """What the cache calls it: the SHA-256 of large files, git's id of small ones."""
    large: bool
    """It is kept outside of git, and its `etag` is its SHA-256."""


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model as the Hub has it now."""

    name: str
    commit: str
    files: tuple[HubFile, ...]
    """Those that Parley needs."""

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def look_up(name: str) -> HubModel:
    """Ask the Hub for the model `name`, and whether its files may be had. The token is the one of
    HF_TOKEN, or of ``hf auth login``. Blocks. Raises ModelError with one line."""
    if not WHOLE_NAME.fullmatch(name):
        raise ModelError(
            f'"{name}" is no name of the Hugging Face Hub: write the owner and the model, as in '
            "meta-llama/Llama-2-7b-chat-hf."
        )
    with hub_faults(name):
        from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url

        info = HfApi().model_info(name, revision=REVISION, files_metadata=True)
        files = [
            HubFile(
                path=sibling.rfilename,
                size=sibling.size or 0,
                etag=sibling.lfs.sha256 if sibling.lfs else sibling.blob_id or "",
                large=sibling.lfs is not None,
            )
            for sibling in info.siblings or ()
        ]
        model = HubModel(name, info.sha or REVISION, tuple(needed(name, files)))
        # A gated model shows its list of files to everybody: only a file tells.
        get_hf_file_metadata(hf_hub_url(name, "config.json", revision=model.commit))
        return model


def needed(name: str, files: Iterable[HubFile]) -> list[HubFile]:
    """The files that a back end reads, and the licence's: neither a second form of the weights nor
    anybody's program. Raises ModelError where there are no weights that Parley can use."""
    at_top = {file.path: file for file in files if "/" not in file.path}
    if all(path in at_top for path in _OPENVINO):
        weights = [at_top[path] for path in _OPENVINO]
    else:
        weights = [file for path, file in at_top.items() if _is_weights(path)]
    if not weights:
        found = sorted({path.rpartition(".")[2] for path in at_top if "." in path} & _OTHER_WEIGHTS)
        instead = f" (only .{', .'.join(found)})" if found else ""
        raise ModelError(
            f"{name} has no safetensors weights{instead}: choose a repository of the same model "
            "that has them; names that end in -hf mostly do."
        )
    if "config.json" not in at_top:
        raise ModelError(f"{name} has no config.json: it is no model in Hugging Face's layout.")
    beside = [
        file for path, file in at_top.items() if path in _BESIDE_WEIGHTS or _TERMS.fullmatch(path)
    ]
    return [*weights, *beside]


_OTHER_WEIGHTS = {"bin", "gguf", "pth", "pt", "onnx", "msgpack", "h5", "ckpt"}


def _is_weights(path: str) -> bool:
    # Mistral's repositories hold the same weights a second time, as consolidated*.safetensors.
    return path.endswith(".safetensors") and not path.startswith(("consolidated", "adapter_"))
