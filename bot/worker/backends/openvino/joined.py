"""Joins a vision-language export for text: one model that reads token ids.

optimum-intel exports a vision-language model in parts: ``openvino_text_embeddings_model``, which
turns token ids into embeddings, and ``openvino_language_model``, which reads embeddings. OpenVINO
GenAI's pipeline takes images and a text for these, but no token ids. Here both become one model
that it runs like any other, and every input that is about images gets the value that it has in a
text without one. The names of the inputs are those of optimum-intel
(optimum/exporters/openvino/model_configs.py) and of GenAI (src/cpp/src/visual_language).
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from bot.worker.backends.openvino.library import (
    EMBEDDINGS_FILE,
    LANGUAGE_FILE,
    MODEL_FILE,
    import_openvino,
)
from bot.worker.conversion.model_cache import get_or_convert
from bot.worker.protocol import LoadError, Progress

KIND = "joined"
"""Names joined models in the cache, in the place of a quantization: the weights are unchanged."""

PER_LAYER_FILE = "openvino_text_embeddings_per_layer_model.xml"

_KEPT = {"attention_mask", "position_ids", "beam_idx"}
"""Inputs that the pipeline itself fills, beside ``input_ids``."""

_REPLACED = {
    "inputs_embeds", "per_layer_inputs", "position_ids", "token_type_ids", "visual_pos_masks",
    "deepstack_visual_embeds",
}  # fmt: skip
"""Inputs whose values for a text without images are known."""

OTHER_WAYS = (
    "use a GGUF file of the model, which llama.cpp runs, a text-only export of it, or a model "
    'server ([model] backend = "openai")'
)


def joined(source: Path, cache_dir: str, report: Progress) -> Path:
    """The folder with the vision-language model in `source` as one model that reads token ids; it
    is joined now if it is not cached. Raises LoadError where it cannot be joined safely, and as
    `get_or_convert` does."""
    if not cache_dir:
        raise LoadError("[model] cache_dir is missing: it holds the joined model")

    def make(folder: Path) -> None:
        report("Joining the parts of the model", 0, 0)
        join(source, folder)

    return get_or_convert(source, Path(cache_dir), KIND, MODEL_FILE, make, report)


def join(source: Path, target: Path) -> None:
    """Write the model in `source` into the empty folder `target` as `MODEL_FILE`, which takes
    ``input_ids``. Raises LoadError where a part is missing or damaged, where an input is not known,
    or where the disk is too small."""
    ov = import_openvino()
    language = _read(ov, source / LANGUAGE_FILE)
    _require_known_inputs(language, source)
    _require_space(source, target)
    text = _Text(ov, source)
    for parameter in list(language.get_parameters()):
        if _name(parameter) in _KEPT and not _rows(parameter):
            continue
        _connect(parameter, text.value(parameter))
        language.remove_parameter(parameter)
    language.add_parameters(text.inputs)
    language.validate_nodes_and_infer_types()
    try:
        ov.save_model(language, target / MODEL_FILE, compress_to_fp16=False)
        _read(ov, target / MODEL_FILE)  # fails where the disk filled up during saving
    except RuntimeError as exc:
        raise LoadError(f"the joined model could not be written to {target.parent}") from exc


# ---------------------------------------------------------------- the inputs


class _Text:
    """The values of a language model's inputs for a text without images, as outputs of nodes that
    depend on the token ids and their positions at most."""

    def __init__(self, ov: Any, source: Path) -> None:
        self._ov, self._op, self._source = ov, ov.opset13, source
        self._ids = _parameter(ov, "input_ids")
        self.inputs = [self._ids]
        """The inputs that the joined model gets."""

    def value(self, parameter: Any) -> Any:
        """What replaces this input. Its name is one of `_REPLACED`."""
        match _name(parameter):
            case "inputs_embeds":
                return self._embeddings()
            case "per_layer_inputs":  # what Gemma 3n and 4 add in each layer
                return self._graft(PER_LAYER_FILE)
            case "position_ids":
                return self._positions(_rows(parameter))
            case "deepstack_visual_embeds":
                return self._no_image_features(parameter)
            case _:
                return self._no_images(parameter.get_element_type())

    def _embeddings(self) -> Any:
        """The embeddings of the tokens, scaled where config.json says so (MiniCPM)."""
        output = self._graft(EMBEDDINGS_FILE)
        scale = _config(self._source).get("scale_emb", 1)
        if not isinstance(scale, int | float) or scale == 1:
            return output
        return self._op.multiply(output, self._op.constant(np.float32(scale))).output(0)

    def _positions(self, rows: int) -> Any:
        """Positions in several rows (multimodal RoPE): in a text, all rows are equal."""
        positions = _parameter(self._ov, "position_ids")
        self.inputs.append(positions)
        row = self._op.unsqueeze(positions, self._op.constant(np.int64(0)))
        return self._op.concat([row] * rows, 0).output(0)

    def _no_images(self, kind: Any) -> Any:
        """Zero, or false, for each token: none belongs to an image."""
        zero = self._op.convert(self._op.constant(np.int64(0)), kind)
        return self._op.broadcast(zero, self._op.shape_of(self._ids)).output(0)

    def _no_image_features(self, parameter: Any) -> Any:
        """Features of images that some layers of Qwen 3 VL add at the tokens of images: one row of
        zeros for each of these layers, as GenAI passes them."""
        shape = parameter.get_partial_shape()
        readers = [target.get_node() for target in parameter.output(0).get_target_inputs()]
        indices = [_index(node) for node in readers if node.get_type_name() == "Gather"]
        layers = shape[0].get_length() if shape[0].is_static else max(indices, default=0) + 1
        zeros = np.zeros((layers, 1, shape[2].get_length()), np.float32)
        return self._op.constant(zeros).output(0)

    def _graft(self, name: str) -> Any:
        """The output of the part `name` for the token ids. Raises LoadError where that part reads
        anything else."""
        part = _read(self._ov, self._source / name)
        inputs = part.get_parameters()
        if len(inputs) != 1 or len(part.outputs) != 1:
            raise LoadError(f"{self._source / name} has not one input and one output: {OTHER_WAYS}")
        value = self._ids.output(0)
        if inputs[0].get_element_type() != self._ids.get_element_type():
            value = self._op.convert(self._ids, inputs[0].get_element_type()).output(0)
        _connect(inputs[0], value)
        return part.get_results()[0].input_value(0)


def _index(gather: Any) -> int:
    constant = gather.input_value(1).get_node()
    if constant.get_type_name() != "Constant":
        return 0
    return int(np.max(constant.data))


def _require_known_inputs(language: Any, source: Path) -> None:
    """Raises LoadError where an input is not known, or the part that makes it is missing."""
    names = [_name(parameter) for parameter in language.get_parameters()]
    unknown = [name for name in names if name not in _KEPT | _REPLACED]
    if unknown:
        raise LoadError(
            f"{source}: this vision-language export cannot be run from token ids, because its "
            f'language model has an input "{unknown[0]}": {OTHER_WAYS}'
        )
    parts = {"inputs_embeds": EMBEDDINGS_FILE, "per_layer_inputs": PER_LAYER_FILE}
    for name, file in parts.items():
        if name in names and not (source / file).is_file():
            raise LoadError(f"{source} has no {file}: download the model again, or {OTHER_WAYS}")


# ---------------------------------------------------------------- the graph


def _connect(parameter: Any, value: Any) -> None:
    """Let everything that reads `parameter` read `value`."""
    for target in list(parameter.output(0).get_target_inputs()):
        target.replace_source_output(value)


def _parameter(ov: Any, name: str) -> Any:
    """An input of whole numbers, [batch, tokens]."""
    parameter = ov.opset13.parameter([-1, -1], np.int64)
    parameter.set_friendly_name(name)  # OpenVINO GenAI uses both names
    parameter.output(0).set_names({name})
    return parameter


def _name(parameter: Any) -> str:
    names = parameter.output(0).get_names()
    return next(iter(names), "") or str(parameter.get_friendly_name())


def _rows(parameter: Any) -> int:
    """The rows of ``position_ids`` where it has several for each token; 0 for any other input."""
    shape = parameter.get_partial_shape()
    if _name(parameter) != "position_ids" or shape.rank.get_length() != 3:
        return 0
    return int(shape[0].get_length()) if shape[0].is_static else 3


def _read(ov: Any, file: Path) -> Any:
    try:
        return ov.Core().read_model(file)
    except RuntimeError as exc:
        raise LoadError(f"{file} or its .bin file is damaged: download it again") from exc


def _config(source: Path) -> dict[str, Any]:
    try:
        config = json.loads((source / "config.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _require_space(source: Path, target: Path) -> None:
    files = (LANGUAGE_FILE, EMBEDDINGS_FILE, PER_LAYER_FILE)
    parts = [source / (name.removesuffix("xml") + "bin") for name in files]
    needed = sum(part.stat().st_size for part in parts if part.is_file())
    free = shutil.disk_usage(target).free
    if free < needed:
        raise LoadError(
            f"the joined model needs {needed / 1e9:.1f} GB in {target.parent} and only "
            f"{free / 1e9:.1f} GB are free: make room, or set [model] cache_dir to another disk"
        )
