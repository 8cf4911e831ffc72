"""The form in which a prompt is kept: JSON, one object for each message, oldest first.

    [{"role": "system", "content": "…"}, {"role": "user", "content": "…"},
     {"role": "assistant", "content": "…", "thought": "…"}, {"role": "user", "content": "…"}]

The last message is an assistant's where the answer was continued.
"""

import json
from typing import Any

from bot.messages import Exchange, Prompt


def to_json(prompt: Prompt) -> str:
    """The messages of `prompt`, as JSON."""
    return json.dumps(messages(prompt), ensure_ascii=False)


def messages(prompt: Prompt) -> list[dict[str, str]]:
    """The messages of `prompt`, oldest first."""
    sent = [_message("system", prompt.system)]
    for exchange in prompt.history:
        sent.append(_message("user", exchange.question))
        sent.append(_message("assistant", exchange.answer, exchange.thought))
    sent.append(_message("user", prompt.question))
    if prompt.answer or prompt.thought:
        sent.append(_message("assistant", prompt.answer, prompt.thought))
    return sent


def _message(role: str, content: str, thought: str = "") -> dict[str, str]:
    message = {"role": role, "content": content}
    return {**message, "thought": thought} if thought else message


def from_json(text: str) -> Prompt:
    """The prompt of these messages, as far as they describe it: the inverse of `to_json`."""
    system, *rest = json.loads(text)
    texts = [message["content"] for message in rest]
    thoughts = [message.get("thought", "") for message in rest]
    continued = rest[-1]["role"] == "assistant"
    end = len(rest) - (2 if continued else 1)
    history = tuple(_exchange(texts, thoughts, index) for index in range(0, end, 2))
    answer, thought = (texts[-1], thoughts[-1]) if continued else ("", "")
    return Prompt(system["content"], history, texts[end], answer, thought=thought)


def _exchange(texts: list[Any], thoughts: list[Any], index: int) -> Exchange:
    return Exchange(texts[index], texts[index + 1], thoughts[index + 1])
