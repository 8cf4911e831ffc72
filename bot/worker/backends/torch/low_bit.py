"""Weights of 8 and 4 bits for the torch back end, made by torchao when a model is loaded.

Only the weights get smaller; what is computed with them has 16 bits. Some kernels for 4 bits on
GPUs were wrong for one row and right for many, so each load compares a layer, for both, with what
it was before.
"""

import importlib
import sys
from typing import Any

from bot.worker.protocol import LoadError

LOW_BITS: dict[str, tuple[str, ...]] = {
    "sym_int8": ("cpu", "xpu", "cuda"),
    "sym_int4": ("xpu", "cuda"),
}
"""Each type, and the kinds of device for which torchao has kernels."""

TOLERATED = {"sym_int8": 0.03, "sym_int4": 0.25}
"""How far the output may be from that of 16-bit weights, relative to its length. Rounding random
weights in groups of 32 costs 0.01 and 0.1; a wrong kernel gives 1 and more."""

GROUP = 32
"""Weights that share a scale, for 4 bits."""

ROWS = (1, 8)
"""Decoding one answer, and several."""


def make_low_bit(torch: Any, model: Any, low_bit: str, device: str) -> None:
    """Replace the weights of the model's layers, in place, and move them to the device one by one,
    so that it never holds the whole model. The output matrix stays as it is. Raises LoadError
    where torchao is missing, or a layer computes something else than before."""
    quantization = _import_torchao()
    name, layer = _first_layer(torch, model)
    before = layer.weight.detach().to("cpu", torch.float32)
    head = model.get_output_embeddings()

    def chosen(module: Any, _name: str) -> bool:
        wide = isinstance(module, torch.nn.Linear) and module is not head
        return wide and (low_bit == "sym_int8" or module.in_features % GROUP == 0)

    try:
        config = _config(quantization, low_bit, device)
        quantization.quantize_(model, config, filter_fn=chosen, device=device)
    except (NotImplementedError, ImportError, ValueError, AssertionError) as exc:
        raise LoadError(
            f'[model] low_bit = "{low_bit}": torchao cannot do that on {device} ('
            f'{" ".join(str(exc).split())[:200]}): choose "fp16", or backend = "openvino"'
        ) from exc
    check_layer(torch, model.get_submodule(name), before, low_bit, device)


def check_layer(torch: Any, layer: Any, before: Any, low_bit: str, device: str) -> None:
    """Compare a layer with its weights before, (out, in) in float32 on the CPU. Raises LoadError
    where it computes something else."""
    random = torch.Generator().manual_seed(0)
    for rows in ROWS:
        inputs = torch.randn(rows, before.shape[1], generator=random)
        dtype = getattr(layer.weight, "dtype", torch.float16)
        with torch.inference_mode():
            output = layer(inputs.to(device, dtype)).to("cpu", torch.float32)
        expected = inputs @ before.T
        error = float((output - expected).norm() / expected.norm())
        if not error <= TOLERATED[low_bit]:  # also where it is not a number
            raise LoadError(
                f'[model] low_bit = "{low_bit}": the kernel on {device} computes something else '
                f"than it should (off by {error:.0%} for {rows} rows): update the driver and "
                'torch, or choose "fp16", or backend = "openvino"'
            )


def _config(quantization: Any, low_bit: str, device: str) -> Any:
    if low_bit == "sym_int8":
        return quantization.Int8WeightOnlyConfig()
    packing = "plain_int32" if device.startswith("xpu") else "tile_packed_to_4d"
    return quantization.Int4WeightOnlyConfig(group_size=GROUP, int4_packing_format=packing)


def _first_layer(torch: Any, model: Any) -> tuple[str, Any]:
    head = model.get_output_embeddings()
    for name, module in model.named_modules():
        wide = isinstance(module, torch.nn.Linear) and module is not head
        if wide and module.in_features % GROUP == 0:
            return name, module
    raise LoadError("this model has no layer that could have fewer bits: choose low_bit = fp16")


def _import_torchao() -> Any:
    try:
        return importlib.import_module("torchao.quantization")
    except ImportError as exc:
        raise LoadError(
            f'[model] low_bit of fewer than 16 bits with backend "torch" needs torchao, which '
            f"{sys.executable} does not have or cannot load ({exc}): run {sys.executable} -m pip "
            "install torchao"
        ) from exc
