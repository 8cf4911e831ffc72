"""The texts of tokens that end an answer, whatever the metadata of a GGUF file name.

Converters often record one end token of several, so llama.cpp stops at tokens with these texts too.
Source: ``special_eog_ids`` in ``src/llama-vocab.cpp`` of ggml-org/llama.cpp, with its exceptions;
its tokens for filling in code are left out, which no chat model generates.
"""

from collections.abc import Collection

_ENDS = (
    *("<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>"),
    *("<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]"),
    *("<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>"),
    *("<｜end▁of▁sentence｜>", "[e~["),
)


def end_texts(special: Collection[str]) -> list[str]:
    """Those of the texts of a model's `special` tokens that end an answer."""
    found = [text for text in _ENDS if text in special]
    # gpt-oss and Solar end each of an answer's channels with <|end|>, the answer with another one.
    if "<|return|>" in found and "<|call|>" in found:
        found = [text for text in found if text != "<|end|>"]
    if "<|calls|>" in found and "<|flush|>" in found:
        found = [text for text in found if text != "<|end|>"]
    # Gemma 4 and PLaMo have it as the HTML tag.
    if "<|tool_response>" in found or "<|plamo:eos|>" in special:
        found = [text for text in found if text != "</s>"]
    return found
