"""Quantization of weights to 8 and 4 bits with torchao, when the torch backend loads a model.

Only weights are quantized; activations keep 16 bits. Some 4-bit kernels for GPUs gave wrong results
for a batch of one and right ones for larger batches, so each load checks one layer for both.
"""

import importlib
import sys
from typing import Any

from bot.worker.protocol import LoadError

LOW_BITS: dict[str, tuple[str, ...]] = {
    "sym_int8": ("cpu", "xpu", "cuda"),
    "sym_int4": ("xpu", "cuda"),
}
"""Quantization type to the kinds of device for which torchao has kernels."""

MAX_ERROR = {"sym_int8": 0.03, "sym_int4": 0.25}
"""The largest relative error (norm of the difference, over the norm) of a quantized layer's output.
Rounding random weights in groups of 32 gives 0.01 and 0.1, a wrong kernel 1 and more."""

GROUP_SIZE = 32
"""Weights that share a scale, with 4 bits."""

BATCH_SIZES = (1, 8)
"""The batch sizes that are checked."""


def quantize(torch: Any, model: Any, low_bit: str, device: str) -> None:
    """Quantize the weights of the model's linear layers in place, and move them to the device layer
    by layer, so that it never holds the whole model in 16 bits. The output matrix is not quantized.
    Raises LoadError where torchao is missing or cannot do it on this device, or where a quantized
    layer computes something else."""
    torchao = _import_torchao()
    name, layer = _first_layer(torch, model)
    before = layer.weight.detach().to("cpu", torch.float32)
    head = model.get_output_embeddings()

    def chosen(module: Any, _name: str) -> bool:
        wide = isinstance(module, torch.nn.Linear) and module is not head
        return wide and (low_bit == "sym_int8" or module.in_features % GROUP_SIZE == 0)

    try:
        config = _config(torchao, low_bit, device)
        torchao.quantize_(model, config, filter_fn=chosen, device=device)
    except (NotImplementedError, ImportError, ValueError, AssertionError) as exc:
        raise LoadError(
            f'[model] low_bit = "{low_bit}": torchao cannot do that on {device} ('
            f'{" ".join(str(exc).split())[:200]}): choose "fp16", or backend = "openvino"'
        ) from exc
    check_layer(torch, model.get_submodule(name), before, low_bit, device)


def check_layer(torch: Any, layer: Any, before: Any, low_bit: str, device: str) -> None:
    """Compare a quantized layer's output with that of its weights before quantization: `before`,
    [out, in], in float32 on the CPU. Raises LoadError where the error is above `MAX_ERROR`."""
    random = torch.Generator().manual_seed(0)
    for rows in BATCH_SIZES:
        inputs = torch.randn(rows, before.shape[1], generator=random)
        dtype = getattr(layer.weight, "dtype", torch.float16)
        with torch.inference_mode():
            output = layer(inputs.to(device, dtype)).to("cpu", torch.float32)
        expected = inputs @ before.T
        error = float((output - expected).norm() / expected.norm())
        if not error <= MAX_ERROR[low_bit]:  # also where it is NaN
            raise LoadError(
                f'[model] low_bit = "{low_bit}": the kernel on {device} gives wrong results '
                f"(relative error {error:.0%} for a batch of {rows}): update the driver and "
                'torch, or choose "fp16", or backend = "openvino"'
            )


def _config(torchao: Any, low_bit: str, device: str) -> Any:
    if low_bit == "sym_int8":
        return torchao.Int8WeightOnlyConfig()
    packing = "plain_int32" if device.startswith("xpu") else "tile_packed_to_4d"
    return torchao.Int4WeightOnlyConfig(group_size=GROUP_SIZE, int4_packing_format=packing)


def _first_layer(torch: Any, model: Any) -> tuple[str, Any]:
    """The name and module of the first layer that is quantized. Raises LoadError for none."""
    head = model.get_output_embeddings()
    for name, module in model.named_modules():
        wide = isinstance(module, torch.nn.Linear) and module is not head
        if wide and module.in_features % GROUP_SIZE == 0:
            return name, module
    raise LoadError(
        'this model has no layer that can be quantized: choose [model] low_bit = "fp16"'
    )


def _import_torchao() -> Any:
    try:
        return importlib.import_module("torchao.quantization")
    except ImportError as exc:
        raise LoadError(
            'quantization with backend "torch" needs torchao, which '
            f"{sys.executable} does not have or cannot load ({exc}): run {sys.executable} -m pip "
            "install torchao"
        ) from exc
