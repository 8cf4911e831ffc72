"""What is sent to a server, and how the text of its response joins what was sent.

The request bodies are those of OpenAI's API (https://platform.openai.com/docs/api-reference/chat),
with the extensions that vLLM and llama.cpp's server have in common.
"""

import re
from typing import Any

from bot.generation.openai.counting import Messages
from bot.messages import Completion, Prompt, Reasoning, Sampling

WORD_JOINER = "\u2060"

_SPECIAL_TOKEN = re.compile(
    r"<(?=\|)"  # <|im_start|>, <|eot_id|> and the like: ChatML, Llama 3, Phi, Qwen
    r"|<(?=/?(?:s|unk|pad|bos|eos|mask)>)"  # SentencePiece models
    r"|<(?=(?:start|end)_of_turn>)"  # Gemma
    r"|<(?=\uff5c)"  # DeepSeek's full-width bars
    r"|<(?=/?(?:think|thinking|thought|seed:think|mm:think)>)"  # the tags of a thought
    r"|<(?=channel\|>)|\u25c1(?=/?think\u25b7)"
    # Llama 2, Mistral
    r"|\[(?=/?(?:INST|THINK|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\])"
    r"|<(?=</?SYS>>)"
)


def as_messages(prompt: Prompt) -> Messages:
    """The conversation as messages of the chat completions API. No content has a special token."""
    messages: Messages = []
    if prompt.system:
        messages.append({"role": "system", "content": neutralize(prompt.system)})
    for exchange in prompt.history:
        messages.append({"role": "user", "content": neutralize(exchange.question)})
        messages.append({"role": "assistant", "content": neutralize(exchange.answer)})
    messages.append({"role": "user", "content": neutralize(prompt.question)})
    if begun := without_trailing_spaces(prompt.answer):
        messages.append({"role": "assistant", "content": neutralize(begun)})
    return messages


def request_body(
    model: str, prompt: Prompt | Completion, sampling: Sampling, *, thinks: bool | None = False
) -> dict[str, Any]:
    """The JSON body of a streaming request: ``/chat/completions`` for a Prompt, ``/completions``
    for a Completion. `thinks`: whether the model does; None where nobody knows."""
    body: dict[str, Any] = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    # OpenAI's own API lacks these parameters, so they are sent only where they have an effect.
    if sampling.top_k:
        body["top_k"] = sampling.top_k
    if sampling.repetition_penalty != 1.0:
        body["repetition_penalty"] = body["repeat_penalty"] = sampling.repetition_penalty
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if isinstance(prompt, Completion):
        body["prompt"] = prompt.text
    else:
        body["messages"] = as_messages(prompt)
        if without_trailing_spaces(prompt.answer):
            body["add_generation_prompt"] = False
            body["continue_final_message"] = True
            if thinks:  # it has thought, and llama.cpp's server refuses to continue otherwise
                body["chat_template_kwargs"] = {"enable_thinking": False}
        else:
            body |= _reasoning(prompt.reasoning)
            body["max_tokens"] += 0 if thinks is False else sampling.max_thinking_tokens
    return body


def _reasoning(level: Reasoning) -> dict[str, Any]:
    """The parameters for how much to think: ``reasoning_effort`` is OpenAI's, Ollama's (where
    "none" switches it off) and llama.cpp's; vLLM, SGLang and llama.cpp hand
    ``chat_template_kwargs`` to the model's chat template."""
    if level is Reasoning.AUTO:
        return {}
    on = level is not Reasoning.OFF
    variables: dict[str, Any] = {"enable_thinking": on, "thinking": on}
    if on:
        variables["reasoning_effort"] = level.value
    return {
        "chat_template_kwargs": variables,
        "reasoning_effort": level.value if on else "none",
    }


def neutralize(text: str) -> str:
    """`text` with a word joiner (U+2060, invisible) inside each known special token. Idempotent.

    A server tokenizes the whole conversation at once, so ``</s>`` or ``<|im_end|>`` in user input
    could end a turn there. Parley cannot tokenize it separately, as it does for its own backends;
    it can only spell it so that no tokenizer recognises it.
    """
    return _SPECIAL_TOKEN.sub(lambda match: match[0] + WORD_JOINER, text)


# ---------------------------------------------------------------- continued answers


def without_trailing_spaces(answer: str) -> str:
    """The part of an unfinished answer that is sent. Most words are one token together with the
    space before them, so a model continues badly after a separate space."""
    return answer.rstrip(" ")


class Joiner:
    """Makes the text of a response follow what the answer has already.

    A fresh answer loses its leading white space, which servers include. A continued answer loses
    as many leading spaces as were not sent of it. So no space is lost or doubled, however the
    response is divided into pieces.
    """

    def __init__(self, prompt: Prompt | Completion) -> None:
        answer = prompt.answer if isinstance(prompt, Prompt) else ""
        self._fresh = isinstance(prompt, Prompt) and not answer.strip()
        self._unsent = 0 if self._fresh else len(answer) - len(without_trailing_spaces(answer))

    def join(self, text: str) -> str:
        """The next piece of the response, without the white space that is to be dropped."""
        if self._fresh:
            text = text.lstrip()
            self._fresh = not text
            return text
        dropped = min(self._unsent, len(text) - len(text.lstrip(" ")))
        self._unsent = self._unsent - dropped if dropped == len(text) else 0
        return text[dropped:]
