"""Compares the logits that a device computes with those of this machine's CPU.

A command, run in the worker's interpreter, with one JSON object on stdin:

    python …/bot/worker/__main__.py logits

The object's fields:

    library    "openvino", "torch", "ipex" or "llamacpp"
    model      the folder of a Llama model, small enough for the CPU
    server     llamacpp only: the path of llama-server; "" searches the PATH
    device     as in ``[model] device``
    low_bit    ipex only: the quantization of the weights, one of the 16-bit types
    scratch    an empty folder
    sequences  lists of token ids: prompts with their answers

The last line on stdout is one JSON object:

    device      the device's name for people
    largest     the largest absolute difference of two logits
    similarity  the smallest cosine similarity of two positions' logits
    positions   the number of positions compared
    agree       of them, those whose most likely token is the same on both
    choices     for each sequence, the CPU's most likely next token after each of its tokens
    gaps        for each sequence and each token but the last: how far the logit of the token that
                really came next is below the CPU's highest logit
    error       why the comparison failed; "" where it did not, and then the rest is there

The CPU computes in float32, the device in the backend's own precision. Weights have 16 bits on both
sides, so that the arithmetic is compared and not the quantization.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

Logits = Any
"""A float32 array [tokens, vocabulary]."""


def run() -> int:
    """The command ``logits``: read stdin, compare, print. Returns exit code 0 also where the
    comparison failed."""
    asked = json.load(sys.stdin)
    try:
        facts = compare(asked)
    except Exception as exc:
        # Any error of a library is a result to report.
        facts = {"error": f"{type(exc).__name__}: {' '.join(str(exc).split())[:300]}"}
    sys.stdout.write("\n" + json.dumps(facts) + "\n")
    return 0


def compare(asked: "dict[str, Any]") -> "dict[str, Any]":
    """The JSON object for the request `asked`, as the module's docstring has both. Raises
    ValueError where the device's logits have another shape than the CPU's."""
    import numpy as np

    compute = {
        "openvino": with_openvino,
        "torch": with_torch,
        "ipex": with_ipex,
        "llamacpp": with_llamacpp,
    }
    device, pairs = compute[asked["library"]](asked)
    largest, similarity, agree, positions = 0.0, 1.0, 0, 0
    choices, gaps = [], []
    for (there, here), ids in zip(pairs, asked["sequences"], strict=True):
        if there.shape != here.shape:  # numpy would broadcast
            raise ValueError(f"the device gave logits of the shape {there.shape}, not {here.shape}")
        largest = max(largest, float(np.abs(there - here).max()))
        norms = np.linalg.norm(there, axis=1) * np.linalg.norm(here, axis=1)
        similarity = min(similarity, float(((there * here).sum(axis=1) / norms).min()))
        likeliest = here.argmax(axis=1)
        agree += int((there.argmax(axis=1) == likeliest).sum())
        positions += len(ids)
        choices.append(likeliest.tolist())
        came = here[np.arange(len(ids) - 1), ids[1:]]
        gaps.append((here.max(axis=1)[:-1] - came).tolist())
    return {
        "device": device,
        "largest": largest,
        "similarity": similarity,
        "agree": agree,
        "positions": positions,
        "choices": choices,
        "gaps": gaps,
        "error": "",
    }


def with_openvino(asked: "dict[str, Any]") -> "tuple[str, list[tuple[Logits, Logits]]]":
    """The device's title, and the logits of each sequence on the device and on the CPU. Raises
    LoadError, and whatever OpenVINO raises."""
    import numpy as np

    from bot.worker.backends.openvino.arithmetic import EXACT
    from bot.worker.backends.openvino.device import choose_device
    from bot.worker.backends.openvino.library import MODEL_FILE, import_openvino
    from bot.worker.conversion.convert import convert

    ov = import_openvino()
    core = ov.Core()
    device = choose_device(core, asked["device"])
    folder = Path(asked["scratch"])
    convert(Path(asked["model"]), folder, "fp16", lambda *_: None)
    model = core.read_model(folder / MODEL_FILE)
    there = core.compile_model(model, device.name, EXACT if device.kind == "CPU" else {})
    here = core.compile_model(model, "CPU", EXACT)

    def logits(compiled: Any, ids: "list[int]") -> Logits:
        request = compiled.create_infer_request()
        inputs = {
            "input_ids": np.array([ids], np.int64),
            "attention_mask": np.ones((1, len(ids)), np.int64),
            "position_ids": np.arange(len(ids), dtype=np.int64)[None],
            "beam_idx": np.zeros(1, np.int32),
        }
        wanted = {name for port in compiled.inputs for name in port.get_names()}
        result = request.infer({name: inputs[name] for name in inputs if name in wanted})
        return np.array(result["logits"][0], np.float32)

    pairs = [(logits(there, ids), logits(here, ids)) for ids in asked["sequences"]]
    return device.title, pairs


def with_torch(asked: "dict[str, Any]") -> "tuple[str, list[tuple[Logits, Logits]]]":
    """As `with_openvino`, with torch and transformers."""
    from bot.worker.backends.torch.device import choose_device, device_title

    torch: Any = importlib.import_module("torch")
    model_class: Any = importlib.import_module("transformers").AutoModelForCausalLM
    device = choose_device(torch, asked["device"])
    width = torch.float32 if device == "cpu" else torch.float16

    def loaded(where: str, dtype: Any) -> Any:
        model = model_class.from_pretrained(asked["model"], dtype=dtype)
        return model.to(where).eval()

    there, here = loaded(device, width), loaded("cpu", torch.float32)
    return device_title(torch, device), torch_pairs(torch, there, here, asked)


def with_ipex(asked: "dict[str, Any]") -> "tuple[str, list[tuple[Logits, Logits]]]":
    """As `with_openvino`, with ipex-llm on the device and plain transformers on the CPU."""
    from bot.worker.backends.ipex.model import choose_ipex_device, import_ipex, load_model
    from bot.worker.backends.torch.device import device_title
    from bot.worker.protocol import LoadOptions

    os.environ["IPEX_LLM_LAST_LM_HEAD"] = "0"  # else only the last position gets logits
    torch, library = import_ipex()
    model_class: Any = importlib.import_module("transformers").AutoModelForCausalLM
    device, low_bit = choose_ipex_device(torch, asked["device"]), asked["low_bit"]
    here = model_class.from_pretrained(asked["model"], torch_dtype=torch.float32).eval()
    options = LoadOptions("ipex", asked["model"])
    there = load_model(library, torch, options, device, low_bit, lambda *_: None)
    return device_title(torch, device), torch_pairs(torch, there, here, asked)


def with_llamacpp(asked: "dict[str, Any]") -> "tuple[str, list[tuple[Logits, Logits]]]":
    """As `with_openvino`, with llama-server on the device and OpenVINO on the CPU. What both give
    are logarithms of probabilities: the server tells no logits."""
    from bot.worker.backends.llamacpp.logits import token_logarithms

    device, there = token_logarithms(asked)
    _, pairs = with_openvino(asked | {"device": "cpu"})
    return device, [(mine, log_softmax(cpu)) for mine, (_, cpu) in zip(there, pairs, strict=True)]


def log_softmax(logits: Logits) -> Logits:
    import numpy as np

    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def torch_pairs(
    torch: Any, there: Any, here: Any, asked: "dict[str, Any]"
) -> "list[tuple[Logits, Logits]]":
    """The logits of each sequence from two transformers models, `there` and `here`."""

    def logits(model: Any, ids: "list[int]") -> Logits:
        with torch.inference_mode():
            result = model(torch.tensor([ids], device=model.device)).logits[0]
        return result.float().cpu().numpy()

    return [(logits(there, ids), logits(here, ids)) for ids in asked["sequences"]]
