"""What no backend can run, and what cannot be converted, is refused with the way that works."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.worker.conversion.architectures import read_config
from bot.worker.conversion.unsupported import quantization, refuse_unusable
from bot.worker.protocol import LoadError
from tests.tiny_model import write_tiny_model


def refusal(folder: Path) -> str:
    with pytest.raises(LoadError) as caught:
        read_config(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_adapter_alone_is_refused_with_the_name_of_its_model(tmp_path: Path) -> None:
    facts = {"base_model_name_or_path": "meta-llama/Llama-3.1-8B", "peft_type": "LORA"}
    (tmp_path / "adapter_config.json").write_text(json.dumps(facts))
    said = refusal(tmp_path)
    assert "is a LoRA adapter for meta-llama/Llama-3.1-8B and not a whole model" in said
    assert "merge it into its model" in said


def test_an_adapter_beside_its_model_is_no_reason_to_refuse(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    assert read_config(tmp_path).model_type == "llama"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"architectures": ["BertModel"], "model_type": "bert"}, "is a BertModel, which gives"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "writes no text"),
        (
            {"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True},
            "is an encoder-decoder model (T5ForConditionalGeneration)",
        ),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "already (GPTQ)"),
        ({"quantization_config": {"quant_method": "awq"}}, "already (AWQ)"),
        ({"quantization_config": {"quant_method": "fp8"}}, "already (FP8)"),
        ({"quantization_config": {"quant_method": "compressed-tensors"}}, "(compressed-tensors)"),
        ({"quantization_config": {"load_in_4bit": True}}, "already (by another program)"),
        ({"quantization": {"bits": 4, "group_size": 64}}, "use the original model"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(
    tmp_path: Path, config: dict[str, Any], said: str
) -> None:
    write_tiny_model(tmp_path, config=config)
    assert said in refusal(tmp_path)


def test_an_unknown_architecture_is_refused_with_the_other_ways(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, config={"model_type": "gpt_oss", "architectures": None})
    said = refusal(tmp_path)
    assert 'a model of type "gpt_oss" cannot be converted for OpenVINO (only llama, ' in said
    assert 'as a GGUF file, or [model] backend = "torch"' in said
    refuse_unusable(tmp_path)


@pytest.mark.process
def test_the_known_architectures_are_told_without_loading_a_library() -> None:
    code = (
        "import sys\n"
        "from bot.worker.conversion.architectures import MODEL_TYPES\n"
        "heavy = {'numpy', 'openvino', 'torch', 'transformers'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy or 'qwen3' not in MODEL_TYPES else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_text_part_of_a_model_may_be_quantized() -> None:
    assert quantization({"text_config": {"quantization_config": {"quant_method": "fp8"}}}) == "FP8"
    assert quantization({"quantization_config": None}) is None
