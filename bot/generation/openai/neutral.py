"""Keeps what people type from acting as a control token on the server.

The server turns the whole conversation into tokens at once, so a typed ``</s>`` or ``<|im_end|>``
could end a turn there. Parley cannot encode it as text, as it does for its own models; it can only
write it so that no tokenizer knows it: with a word joiner (U+2060), which nobody sees, after its
first character.
"""

import re

WORD_JOINER = "\u2060"

_CONTROL = re.compile(
    r"<(?=\|)"  # <|im_start|>, <|eot_id|> and the like: ChatML, Llama 3, Phi, Qwen
    r"|<(?=/?(?:s|unk|pad|bos|eos|mask)>)"  # SentencePiece models
    r"|<(?=(?:start|end)_of_turn>)"  # Gemma
    r"|<(?=\uff5c)"  # DeepSeek's full-width bars
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\])"  # Llama 2, Mistral
    r"|<(?=</?SYS>>)"
)


def neutral(text: str) -> str:
    """`text`, looking the same, with no known control token in it. Idempotent."""
    return _CONTROL.sub(lambda match: match[0] + WORD_JOINER, text)
