"""Which GGUF files make up a model: quantizations to choose among, and files that were split.

A repository of GGUF files mostly has the same model in ten or more quantizations, each in one file
or, where it is large, in several (``model-Q4_K_M-00001-of-00003.gguf``). Nothing here opens a file.
Sources: the names that llama.cpp's converter and quantizer write
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, "GGUF Naming Convention"), and which of
the files llama.cpp itself takes for a model (``common/download.cpp``).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.errors import ModelError
from bot.worker.gguf.files import SUFFIX, parts_of, stem_of

_QUANTIZATION = re.compile(
    r"(?<![A-Za-z0-9])"
    r"(?:UD-)?"  # Unsloth's own mixtures
    r"(?:I?Q[1-8]_(?:K(?:_(?:X{1,2}[LS]|[SML]))?|[01](?:_[48]_[48])?|X{1,2}S|[SM]|NL|XL)"
    r"|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|FP?32)"
    r"(?![A-Za-z0-9_])",
    re.IGNORECASE,
)

_NO_MODEL = re.compile(r"^(?:mtp|eagle3|dflash|dspark|ggml-vocab)-|mmproj|imatrix")
"""Files beside a model: what encodes its images, what guided its quantization, small draft models,
and vocabularies without weights."""

PREFERRED = (
    *("Q4_K_M", "UD-Q4_K_XL", "Q4_K_L", "Q4_K_XL", "Q4_K_S", "IQ4_XS", "IQ4_NL", "Q4_0", "Q4_1"),
    *("MXFP4", "MXFP4_MOE", "NVFP4", "Q5_K_M", "UD-Q5_K_XL", "Q5_K_L", "Q5_K_S", "Q5_0", "Q5_1"),
    *("Q6_K", "UD-Q6_K_XL", "Q6_K_L", "Q8_0", "UD-Q8_K_XL", "Q3_K_L", "Q3_K_XL", "UD-Q3_K_XL"),
    *("Q3_K_M", "IQ3_M", "Q3_K_S", "IQ3_S", "IQ3_XS", "BF16", "F16", "FP16"),
)
"""Quantizations in the order in which one is chosen where none is named: 4 bits, which lose little
and need a quarter of the memory, then the next larger ones, at last the smaller ones."""

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class GgufModel:
    """The files of one model in one quantization."""

    stem: str
    """Their path without ``.gguf`` and without the number of the part."""
    quantization: str
    """Such as "Q4_K_M", as far as the name says it; else ""."""
    parts: tuple[str, ...]
    """The paths of all files, in order; llama.cpp opens the first and finds the others."""
    missing: tuple[str, ...] = ()
    """Those of `parts` that are not among the files."""


def choose_gguf(files: Sequence[str], wanted: str, name: str = "This repository") -> list[str]:
    """The paths of the one model that `wanted` means among the paths `files`: one file, or all the
    parts of a split one in order. Files of other kinds are passed over.

    `wanted` is a quantization ("Q4_K_M", in upper or lower case), a file's name or path with or
    without ``.gguf``, or "" for the best-known quantization (`PREFERRED`). `name` is what has the
    files, for error messages. Raises ModelError, which names the choices, where there is no such
    model, more than one, or one of which parts are missing.
    """
    models = gguf_models(files)
    if not models:
        raise ModelError(f"{name} has no GGUF file of a model: choose another repository.")
    found = _named(models, wanted) if wanted else _by_default(models)
    if not found:
        raise ModelError(
            f"{name} has no GGUF file “{_shown([wanted])}”: choose one of {_choices(models)}."
            if wanted
            else f"{name} has several GGUF files: choose one of {_choices(models)}."
        )
    if len(found) > 1:
        which = f"“{_shown([wanted])}”" if wanted else found[0].quantization
        stems = [f"{model.stem}{SUFFIX}" for model in found]
        raise ModelError(
            f"{name} has more than one GGUF file for {which}: name one of {_shown(stems)}."
        )
    if found[0].missing:
        raise ModelError(
            f"{name} lacks {_shown(found[0].missing[:1])}, one of the {len(found[0].parts)} parts "
            "of its model: download the missing part."
        )
    return list(found[0].parts)


def gguf_models(files: Iterable[str]) -> list[GgufModel]:
    """Every model among the paths `files`, sorted by path; those that are no GGUF file, or not of
    a model, are passed over."""
    given = {path for path in files if is_model_file(path)}
    models: dict[str, GgufModel] = {}
    for path in sorted(given):
        parts = parts_of(path)
        model = GgufModel(
            stem=stem_of(path),
            quantization=quantization_of(path),
            parts=parts,
            missing=tuple(part for part in parts if part not in given),
        )
        models.setdefault(parts[0], model)
    return list(models.values())


def is_model_file(path: str) -> bool:
    """Whether `path` is named like a model's GGUF file, and not like one that lies beside models
    (for images, ``mmproj``; of the quantization, ``imatrix``; of drafts)."""
    return path.lower().endswith(SUFFIX) and not _NO_MODEL.search(_base(path))


def quantization_of(path: str) -> str:
    """The quantization that a file's name, else its folder's, says: "Q4_K_M"; "" where neither
    does."""
    for part in reversed(stem_of(path).split("/")):
        if found := _QUANTIZATION.findall(part):
            return str(found[-1]).upper()
    return ""


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _named(models: Sequence[GgufModel], wanted: str) -> list[GgufModel]:
    """The models whose quantization, file or path `wanted` is; a path before a name alone."""
    plain = wanted.lower().removesuffix(SUFFIX)
    named = [
        [model for model in models if model.quantization.lower() == plain],
        [model for model in models if _is_called(model, plain, whole=True)],
        [model for model in models if _is_called(model, plain, whole=False)],
    ]
    return next((found for found in named if found), [])


def _is_called(model: GgufModel, plain: str, *, whole: bool) -> bool:
    names = [model.stem, *(part[: -len(SUFFIX)] for part in model.parts)]
    return plain in {(name if whole else _base(name)).lower() for name in names}


def _by_default(models: Sequence[GgufModel]) -> list[GgufModel]:
    """The only model, else those of the first quantization in `PREFERRED`, complete ones first;
    empty where no name says a quantization that is there."""
    candidates = [model for model in models if not model.missing] or list(models)
    if len(candidates) == 1:
        return candidates
    for quantization in PREFERRED:
        if found := [model for model in candidates if model.quantization == quantization]:
            return found
    return []


def _choices(models: Sequence[GgufModel]) -> str:
    """Quantizations where they tell the models apart, else file names."""
    names = [model.quantization for model in models]
    if not all(names) or len(set(names)) < len(names):
        names = [f"{model.stem}{SUFFIX}" for model in models]
    return _shown(names)


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(" ".join(name.split())[:120] for name in names[:_SHOWN]) + more
