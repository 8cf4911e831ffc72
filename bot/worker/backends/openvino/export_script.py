"""Exports a Hugging Face model to OpenVINO's format with optimum-intel.

Run by its path, in the interpreter of the environment of `parley backend install export`:

    python …/export_script.py which SOURCE
    python …/export_script.py export SOURCE TARGET LOW_BIT

``which`` prints the folder that must be on PYTHONPATH for this model: optimum-intel exports each
architecture with a range of versions of transformers, and the environment holds several (in folders
``transformers-*``); "" is the environment's own. ``export`` writes the model into the folder
TARGET, quantized to LOW_BIT.

On stdout one JSON object a line: ``folder`` (which), ``progress`` (export: what is being done), and
``error`` (one line: why it failed). Exit code 0 even then. The process ends when its stdin does:
whoever started it is gone. No code that comes with a model is executed.
"""

import importlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

VISION_TASK = "image-text-to-text"
TEXT_TASK = "text-generation-with-past"
GROUP_SIZES = (128, 64, 32, 16)
"""Inputs that share a scale, with 4 bits: the first one that divides every matrix is taken."""


def main() -> int:
    """Run the command; see the module."""
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    os.environ["HF_HUB_OFFLINE"] = "1"  # everything is in SOURCE
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    command, source = sys.argv[1], Path(sys.argv[2])
    try:
        if command == "which":
            _say(folder=_which(source))
        else:
            _export(source, Path(sys.argv[3]), sys.argv[4])
    except Exception as exc:
        # Whatever a library raises is a result to report.
        _say(error=f"{type(exc).__name__}: {' '.join(str(exc).split())[:300]}")
    return 0


def _end_with_stdin() -> None:
    while os.read(0, 4096):  # not sys.stdin, whose lock a thread must not hold at the end
        pass
    os._exit(1)


def _say(**facts: str) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


# ---------------------------------------------------------------- versions of transformers


def _which(source: Path) -> str:
    """The folder with the newest transformers with which this model can be exported. Raises
    ValueError where there is none."""
    lowest, highest = _versions(_model_type(source))
    for version, folder in _installed():
        if lowest <= version and (version <= highest or _starts(version, highest)):
            return folder
    wanted = ".".join(map(str, highest))
    raise ValueError(f"it needs transformers {wanted} or older, which the environment lacks")


def _model_type(source: Path) -> str:
    return str(json.loads((source / "config.json").read_bytes())["model_type"])


def _versions(model_type: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The lowest and the highest version of transformers for this architecture. Raises ValueError
    where optimum-intel does not know it."""
    tasks: Any = importlib.import_module("optimum.exporters.tasks").TasksManager
    importlib.import_module("optimum.exporters.openvino.model_configs")
    for task in (VISION_TASK, TEXT_TASK):
        try:
            made: Any = tasks.get_exporter_config_constructor(
                "openvino", task=task, model_type=model_type, library_name="transformers"
            )
        except (KeyError, ValueError):
            continue
        config = getattr(made, "func", made)
        return (
            _numbers(getattr(config, "MIN_TRANSFORMERS_VERSION", None) or "0"),
            _numbers(getattr(config, "MAX_TRANSFORMERS_VERSION", None) or "9999"),
        )
    raise ValueError(f"optimum-intel cannot export models of type {model_type}")


def _installed() -> list[tuple[tuple[int, ...], str]]:
    """The versions of transformers in this environment with their folders, the newest first; "" is
    the folder of the environment's own."""
    from importlib.metadata import distributions, version

    found = [(_numbers(version("transformers")), "")]
    for folder in Path(sys.prefix).glob("transformers-*"):
        packages = distributions(name="transformers", path=[str(folder)])
        found += [(_numbers(package.version), str(folder)) for package in packages]
    return sorted(found, reverse=True)


def _numbers(version: object) -> tuple[int, ...]:
    """A version as numbers; "5.2.*" is (5, 2)."""
    return tuple(int(part) for part in str(version).split(".") if part.isdigit())


def _starts(version: tuple[int, ...], highest: tuple[int, ...]) -> bool:
    """Whether `version` is one of those that the limit "5.2.*" includes."""
    return len(highest) == 2 and version[:2] == highest


# ---------------------------------------------------------------- the export


def _export(source: Path, target: Path, low_bit: str) -> None:
    _say(progress="Loading the weights")
    transformers: Any = importlib.import_module("transformers")
    convert: Any = importlib.import_module("optimum.exporters.openvino.convert")
    intel: Any = importlib.import_module("optimum.intel")
    config = transformers.AutoConfig.from_pretrained(source)
    name = config.architectures[0]
    options: dict[str, Any] = {"dtype": "auto"}
    if (getattr(config, "quantization_config", None) or {}).get("quant_method") == "mxfp4":
        options["quantization_config"] = transformers.Mxfp4Config(dequantize=True)  # gpt-oss
    model = getattr(transformers, name).from_pretrained(source, **options).eval()
    task = VISION_TASK if name.endswith("ForConditionalGeneration") else TEXT_TASK
    _say(progress="Exporting the model (this takes minutes)")
    convert.export_from_model(
        model,
        target,
        task=task,
        ov_config=intel.OVConfig(dtype="fp32" if low_bit == "fp32" else "fp16"),
        patch_16bit_model=str(model.dtype) in ("torch.float16", "torch.bfloat16"),
    )
    for vision in target.glob("*vision*"):
        vision.unlink()  # Parley reads no images
    if low_bit not in ("fp32", "fp16", "bf16"):
        del model
        _quantize(target, low_bit, _group_size(config))


def _quantize(target: Path, low_bit: str, group_size: int) -> None:
    """Quantize the weights of each part; embedding table and output matrix keep 8 bits. Raises
    KeyError for a quantization that exports do not have."""
    nncf: Any = importlib.import_module("nncf")
    ov: Any = importlib.import_module("openvino")
    modes = nncf.CompressWeightsMode
    mode = {
        "sym_int8": modes.INT8_SYM,
        "sym_int4": modes.INT4_SYM,
        "asym_int4": modes.INT4_ASYM,
    }[low_bit]
    grouped = {} if low_bit == "sym_int8" else {"ratio": 1.0, "group_size": group_size}
    for file in sorted(target.glob("openvino_*model.xml")):
        _say(progress="Quantizing the weights")
        model = nncf.compress_weights(ov.Core().read_model(file), mode=mode, **grouped)
        fresh = file.with_name(f"quantized-{file.name}")
        ov.save_model(model, fresh, compress_to_fp16=False)
        del model  # it maps the file that is replaced
        fresh.with_suffix(".bin").replace(file.with_suffix(".bin"))
        fresh.replace(file)


def _group_size(config: Any) -> int:
    """The group size that divides the inputs of every matrix; -1 (a whole row) where none does."""
    text = getattr(config, "text_config", None) or config
    names = ("hidden_size", "intermediate_size", "moe_intermediate_size", "head_dim")
    columns = [number for name in names if (number := getattr(text, name, None))]
    heads = getattr(text, "num_attention_heads", 1) * (getattr(text, "head_dim", None) or 0)
    columns = [*columns[:-1], heads] if heads else columns
    fitting = (size for size in GROUP_SIZES if all(number % size == 0 for number in columns))
    return next(fitting, -1)


if __name__ == "__main__":
    sys.exit(main())
