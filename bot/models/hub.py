"""A model's entry at the Hugging Face Hub, and which of its files Parley needs.

huggingface_hub is imported only when a model is looked up, because the import is slow.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.errors import ModelError
from bot.models.errors import hub_faults
from bot.models.find import HUB_NAME, REVISION

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
    """A file in a model's repository."""

    path: str
    size: int
    """Bytes."""
    etag: str
    """Its name in the cache: the SHA-256 of a large file, the git blob id of a small one."""
    large: bool
    """Whether it is stored outside git (LFS), so that its `etag` is its SHA-256."""


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model at the Hub, in its current version."""

    name: str
    commit: str
    files: tuple[HubFile, ...]
    """The files that Parley needs."""

    @property
    def size(self) -> int:
        """Bytes of all needed files."""
        return sum(file.size for file in self.files)


def look_up(name: str) -> HubModel:
    """The model `name` at the Hub, whose files the access token (HF_TOKEN, or the one of
    ``hf auth login``) allows to download. Blocks. Raises ModelError with one line."""
    if not HUB_NAME.fullmatch(name):
        raise ModelError(
            f'"{name}" is not a name at the Hugging Face Hub: write the owner and the model, as in '
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
        # Everybody may list the files of a gated model. Only a request for a file is refused.
        get_hf_file_metadata(hf_hub_url(name, "config.json", revision=model.commit))
        return model


def needed(name: str, files: Iterable[HubFile]) -> list[HubFile]:
    """The files that a backend reads, and the licence: neither a second format of the weights nor
    program code. Raises ModelError where there are no weights that Parley can use."""
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
        raise ModelError(
            f"{name} has no config.json, so it is not a model in Hugging Face's layout: choose "
            "another repository of the same model."
        )
    beside = [
        file for path, file in at_top.items() if path in _BESIDE_WEIGHTS or _TERMS.fullmatch(path)
    ]
    return [*weights, *beside]


_OTHER_WEIGHTS = {"bin", "gguf", "pth", "pt", "onnx", "msgpack", "h5", "ckpt"}


def _is_weights(path: str) -> bool:
    # Mistral's repositories contain the weights a second time, as consolidated*.safetensors.
    return path.endswith(".safetensors") and not path.startswith(("consolidated", "adapter_"))
