"""What is sent to a server: a conversation or a text in the words of OpenAI's API."""

from typing import Any

from bot.generation.openai.counting import Messages
from bot.generation.openai.joining import without_end
from bot.generation.openai.neutral import neutral
from bot.messages import Completion, Prompt, Sampling


def as_messages(prompt: Prompt) -> Messages:
    """The conversation as the chat completions API has it, with nothing in it that a server could
    take for a control token."""
    messages: Messages = []
    if prompt.system:
        messages.append({"role": "system", "content": neutral(prompt.system)})
    for exchange in prompt.history:
        messages.append({"role": "user", "content": neutral(exchange.question)})
        messages.append({"role": "assistant", "content": neutral(exchange.answer)})
    messages.append({"role": "user", "content": neutral(prompt.question)})
    if begun := without_end(prompt.answer):
        messages.append({"role": "assistant", "content": neutral(begun)})
    return messages


def request_body(model: str, prompt: Prompt | Completion, sampling: Sampling) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    # What OpenAI's own API does not have is sent only where it says something.
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
        if without_end(prompt.answer):
            body["add_generation_prompt"] = False
            body["continue_final_message"] = True
    return body
