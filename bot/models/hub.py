"""A model's entry at the Hugging Face Hub, and which of its files Parley needs.

huggingface_hub is imported only when a model is looked up, because the import is slow.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bot.errors import ModelError
from bot.models.errors import hub_faults
from bot.models.find import HUB_NAME, REVISION, split_name
from bot.models.gguf_files import choose_gguf
from bot.models.kind import Kind, ModelKind, kind_of
from bot.models.repository import DOCUMENTS, MOST_BYTES, Repository, as_document

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
    "openvino_config.json",
    "preprocessor_config.json",
    "processor_config.json",
)
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TEMPLATES = "additional_chat_templates/"
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
    kind: ModelKind
    """What it is, and what would run it."""
    config: Mapping[str, Any]
    """The content of its config.json; empty where there is none."""
    files: tuple[HubFile, ...]
    """The files to download. Of a model that nothing here runs: all, without program code."""

    @property
    def size(self) -> int:
        """Bytes of all these files."""
        return sum(file.size for file in self.files)

    @property
    def weights(self) -> int:
        """Bytes of the weights among them."""
        names = set(self.kind.weights)
        return sum(file.size for file in self.files if file.path in names)


def look_up(name: str) -> HubModel:
    """The model `name` at the Hub, whose files the access token (HF_TOKEN, or the one of
    ``hf auth login``) allows to download. Only the listing and a few small files are downloaded.

    A name may end in a quantization, as llama.cpp writes it: ``org/model-GGUF:Q4_K_M``. Blocks.
    Raises ModelError with one line; a model that nothing runs is no error here (see `ModelKind`).
    """
    name, wanted = split_name(name)
    if not HUB_NAME.fullmatch(name):
        raise ModelError(
            f'"{name}" is not a name at the Hugging Face Hub: write the owner and the model, as in '
            "OpenVINO/Qwen3-8B-int4-ov."
        )
    with hub_faults(name):
        from huggingface_hub import HfApi

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
        commit = info.sha or REVISION
        _require_hashes(name, commit, files)
        documents = _documents(name, commit, files)
    sizes = {file.path: file.size for file in files}
    kind = kind_of(Repository(name, sizes, documents))
    chosen = tuple(needed(name, files, kind, wanted))
    return HubModel(name, commit, kind, documents.get("config.json", {}), chosen)


def _require_hashes(name: str, commit: str, files: Iterable[HubFile]) -> None:
    """Raise ModelError where what becomes a name in the cache is no hash: a mirror could name any
    file of this machine."""
    hashes = [commit, *(file.etag for file in files if file.large)]
    if not all(_HASH.fullmatch(each) for each in hashes):
        raise ModelError(
            f"The Hub tells no checksums of {name}: correct HF_ENDPOINT, or use another mirror."
        )


def _documents(name: str, commit: str, files: Iterable[HubFile]) -> dict[str, Mapping[str, Any]]:
    """The parsed `DOCUMENTS` of a model; they are not kept in the cache, where they would look
    like an incomplete download. Raises ModelError, and exceptions of huggingface_hub."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    sizes = {file.path: file.size for file in files}
    found = [path for path in DOCUMENTS if 0 < sizes.get(path, 0) <= MOST_BYTES]
    # Everybody may list the files of a gated model. Only a request for a file is refused.
    for path in found[:1] or [next(iter(sizes), "config.json")]:
        get_hf_file_metadata(hf_hub_url(name, path, revision=commit))
    with TemporaryDirectory(prefix="parley-look-up-") as scratch:
        return {
            path: as_document(
                Path(hf_hub_download(name, path, revision=commit, cache_dir=scratch)).read_bytes(),
                f"{path} of {name}",
            )
            for path in found
        }


def needed(name: str, files: Iterable[HubFile], kind: ModelKind, wanted: str) -> list[HubFile]:
    """The files of a model of this `kind` that a backend reads, and the licence: neither a second
    format of the weights nor program code. `wanted` chooses among GGUF files (see `choose_gguf`).
    Raises ModelError where there is no such GGUF file."""
    files = list(files)
    if kind.kind is Kind.UNSUITED:
        return [file for file in files if not file.path.endswith((".py", ".sh", ".exe"))]
    weights = set(kind.weights)
    if kind.kind is Kind.GGUF:
        weights = set(choose_gguf(kind.weights, wanted, name))
    elif wanted:
        raise ModelError(
            f"{name} is {kind.title}, which has no quantizations to choose from: leave out "
            f"“:{wanted}”."
        )
    return [
        file
        for file in files
        if file.path in weights or file.path in _BESIDE_WEIGHTS or _is_small_text(file.path)
    ]


def _is_small_text(path: str) -> bool:
    """Whether it is a licence, or one of several chat templates."""
    return bool(_TERMS.fullmatch(path) or (path.startswith(_TEMPLATES) and path.endswith(".jinja")))
