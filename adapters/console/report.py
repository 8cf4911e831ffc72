"""What the chat says about answers and about what the model sees, in words."""

from bot.engine.job import Outcome
from bot.engine.packing import Packed
from bot.messages import Exchange, ModelInfo
from bot.ports import AnswerState

LISTED = 10
"""Exchanges that /context lists."""

CLIP = 60

_ENDS = {
    AnswerState.CUT: "cut at its longest length: /continue goes on",
    AnswerState.STOPPED: "stopped: /continue goes on",
    AnswerState.INTERRUPTED: "interrupted: /continue goes on",
    AnswerState.FAILED: "failed: /continue goes on, /regenerate begins anew",
}


def outcome_text(outcome: Outcome) -> str:
    """How an answer ended: its tokens, its speed, and what can be done."""
    usage = outcome.usage
    facts = []
    if usage.completion_tokens:
        facts.append(count(usage.completion_tokens, "token"))
    if usage.tokens_per_second:
        facts.append(f"{usage.tokens_per_second:.1f} tokens/s")
    if outcome.note and outcome.error is None:
        facts.append(outcome.note)
    if end := _ENDS.get(outcome.state):
        facts.append(end)
    return " · ".join(facts)


def remembered_text(number: int, most: int) -> str:
    """How much of an earlier chat is still there."""
    if number > most:
        return f"More than {most} earlier exchanges are kept; /reset forgets them."
    verb = "is" if number == 1 else "are"
    return f"{count(number, 'earlier exchange')} {verb} remembered; /reset forgets."


def context_text(packed: Packed, model: ModelInfo) -> str:
    """What the model would see with the next question."""
    history = packed.prompt.history
    system = clip(packed.prompt.system) or "none"
    room = model.context - packed.tokens
    tokens = f"Tokens: {packed.tokens:,} of {model.context:,}; {room:,} are left for your question"
    lines = [
        f"{tokens} and the answer (at most {packed.max_new_tokens:,}).",
        f"System prompt: {system}",
        f"Exchanges: {len(history):,}" + (", older ones are left out" if packed.dropped else ""),
    ]
    if len(history) > LISTED:
        lines.append(f"  ({len(history) - LISTED:,} before these)")
    return "\n".join(lines + [_listed(exchange) for exchange in history[-LISTED:]])


def _listed(exchange: Exchange) -> str:
    return f"  > {clip(exchange.question)}\n    {clip(exchange.answer)}"


def clip(text: str) -> str:
    """The beginning of `text`, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= CLIP else line[: CLIP - 1].rstrip() + "…"


def count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
