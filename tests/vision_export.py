"""Vision-language exports, cut from a converted tiny model: an embedding model, and a language
model that reads embeddings and has the inputs about images that real ones have.

Every input that is about images changes the logits unless it has the value of a text without
images, so that a test sees which value it got.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from bot.worker.backends.openvino.joined import PER_LAYER_FILE
from bot.worker.backends.openvino.library import (
    EMBEDDINGS_FILE,
    LANGUAGE_FILE,
    MODEL_FILE,
    import_openvino,
)

EVERY_INPUT = ("token_type_ids", "visual_pos_masks", "deepstack_visual_embeds", "rows", "per_layer")


def cut(model: Path, target: Path, inputs: Collection[str] = ()) -> Path:
    """Write the model in the folder `model` (OpenVINO's format) into the folder `target` as a
    vision-language export whose language model has these `inputs`, besides the usual ones; "rows"
    are three rows of positions."""
    target.mkdir(parents=True, exist_ok=True)
    _save(_embeddings(model), target / EMBEDDINGS_FILE)
    language = _language(model, inputs)
    _save(language, target / LANGUAGE_FILE)
    if "per_layer" in inputs:
        _save(_per_layer(), target / PER_LAYER_FILE)
    return target


def _embeddings(model: Path) -> Any:
    ov = import_openvino()
    whole = ov.Core().read_model(model / MODEL_FILE)
    ids = whole.input("input_ids").get_node()
    part = ov.Model([ov.opset13.result(_embedded(whole))], [ids], "embeddings")
    ids.output(0).set_names({"input"})
    return part


def _embedded(whole: Any) -> Any:
    """The output that holds the embeddings of the tokens."""
    ids = whole.input("input_ids").get_node()
    readers = [target.get_node() for target in ids.output(0).get_target_inputs()]
    (convert,) = [node for node in readers if node.get_type_name() == "Convert"]
    (gather,) = convert.output(0).get_target_inputs()
    return gather.get_node().output(0)


def _language(model: Path, inputs: Collection[str]) -> Any:
    ov = import_openvino()
    op = ov.opset13
    whole = ov.Core().read_model(model / MODEL_FILE)
    ids, gather = whole.input("input_ids").get_node(), _embedded(whole)
    width = gather.get_partial_shape()[2].get_length()
    embeds = _input("inputs_embeds", [-1, -1, width], np.float32)
    hidden, fresh = embeds.output(0), [embeds]
    extra = {
        "token_type_ids": ([-1, -1], np.int64),
        "visual_pos_masks": ([-1, -1], np.bool_),
        "deepstack_visual_embeds": ([-1, -1, width], np.float32),
        "per_layer": ([-1, -1, 2, 1], np.float32),
    }
    for name in [name for name in extra if name in inputs]:
        shape, dtype = extra[name]
        parameter = _input("per_layer_inputs" if name == "per_layer" else name, shape, dtype)
        fresh.append(parameter)
        hidden = op.add(hidden, _spoiling(op, name, parameter)).output(0)
    for target in list(gather.get_target_inputs()):
        target.replace_source_output(hidden)
    for target in list(ids.output(0).get_target_inputs()):
        target.replace_source_output(embeds.output(0))  # only shapes are read
    whole.remove_parameter(ids)
    if "rows" in inputs:
        fresh.append(_in_rows(op, whole))
    whole.add_parameters(fresh)
    whole.validate_nodes_and_infer_types()
    return whole


def _spoiling(op: Any, name: str, parameter: Any) -> Any:
    """What is added to the embeddings: zero for the value of a text without images."""
    if name == "deepstack_visual_embeds":
        layers = [op.gather(parameter, _int(op, n), _int(op, 0)) for n in range(2)]
        total = op.reduce_sum(op.add(*layers), op.constant(np.array([0, 1])), keep_dims=False)
        return op.multiply(total, op.constant(np.float32(100)))
    value = op.convert(parameter, np.float32)
    if name == "per_layer":  # the part gives 3 for each token
        value = op.reduce_sum(value, op.constant(np.array([2, 3])), keep_dims=False)
        value = op.subtract(value, op.constant(np.float32(3)))
    column = op.unsqueeze(value, op.constant(np.int64(-1)))
    ramp = op.constant(np.linspace(-100, 100, 64, dtype=np.float32))
    return op.multiply(column, ramp)


def _in_rows(op: Any, whole: Any) -> Any:
    """Three rows of positions in place of one: their mean is what the model reads."""
    old = whole.input("position_ids").get_node()
    rows = _input("position_ids", [3, -1, -1], np.int64)
    total = op.reduce_sum(rows, op.constant(np.array([0])), keep_dims=False)
    mean = op.divide(total, op.constant(np.int64(3)))
    for target in list(old.output(0).get_target_inputs()):
        target.replace_source_output(mean.output(0))
    whole.remove_parameter(old)
    return rows


def _per_layer() -> Any:
    """A part that gives [batch, tokens, 2, 1]: 1 and 2 for each token, whatever it is."""
    ov = import_openvino()
    op = ov.opset13
    ids = _input("input_ids", [-1, -1], np.int64)
    ones = op.add(op.multiply(ids, _int(op, 0)), _int(op, 1))
    column = op.unsqueeze(op.convert(ones, np.float32), op.constant(np.array([2, 3])))
    both = op.multiply(column, op.constant(np.array([[1], [2]], np.float32)))
    return ov.Model([op.result(both)], [ids], "per_layer")


def _input(name: str, shape: list[int], dtype: Any) -> Any:
    parameter = import_openvino().opset13.parameter(shape, dtype)
    parameter.set_friendly_name(name)
    parameter.output(0).set_names({name})
    return parameter


def _int(op: Any, value: int) -> Any:
    return op.constant(np.int64(value))


def _save(model: Any, file: Path) -> None:
    import_openvino().save_model(model, file, compress_to_fp16=False)
