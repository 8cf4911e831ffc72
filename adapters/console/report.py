"""The texts of `parley chat` about answers and about the context window."""

from adapters.common.texts import counted, tokens_text
from bot.engine.job import Outcome
from bot.engine.packing import Packed
from bot.messages import Exchange
from bot.ports import AnswerState

LISTED = 10
"""Exchanges that /context lists, the newest ones."""

CLIP = 60
"""Characters of a question or an answer that /context shows."""

_ENDS = {
    AnswerState.CUT: "length limit reached: /continue for more",
    AnswerState.STOPPED: "stopped: /continue resumes it",
    AnswerState.INTERRUPTED: "interrupted: /continue resumes it",
    AnswerState.FAILED: "failed: /continue resumes it, /regenerate tries again",
}


def outcome_text(outcome: Outcome) -> str:
    """How an answer ended, in one line: its tokens, its decoding speed, the engine's note where it
    did not fail, and the command that continues it. "" where there is nothing to say."""
    usage = outcome.usage
    facts = []
    if usage.completion_tokens:
        facts.append(tokens_text(usage.completion_tokens, usage.thinking_tokens))
    if usage.tokens_per_second:
        facts.append(f"{usage.tokens_per_second:.1f} tokens/s")
    if outcome.note and outcome.error is None:
        facts.append(outcome.note)
    if end := _ENDS.get(outcome.state):
        facts.append(end)
    return " · ".join(facts)


def earlier_text(number: int, most: int) -> str:
    """Shown at the start of a chat: how many exchanges the conversation has already; above `most`
    the number is not known exactly."""
    if number > most:
        return f"More than {most} earlier exchanges in this conversation; /reset restarts it."
    return f"{counted(number, 'earlier exchange')} in this conversation; /reset restarts it."


def context_text(packed: Packed) -> str:
    """Answers /context: what the prompt of the next question would hold, in tokens and as the
    newest exchanges."""
    history = packed.prompt.history
    system = clip(packed.prompt.system) or "none"
    room = packed.window - packed.tokens
    tokens = f"Tokens: {packed.tokens:,} of {packed.window:,}; {room:,} are left for your question"
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
    """`text` in one line; its beginning and "…" where it is longer than `CLIP` characters."""
    line = " ".join(text.split())
    return line if len(line) <= CLIP else line[: CLIP - 1].rstrip() + "…"
