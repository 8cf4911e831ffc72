"""Every text that people read on a platform, in one wording for all. Knows no platform."""

from collections.abc import Collection, Sequence

from adapters.common.model_choice import further_lines
from bot.delivery import PLACEHOLDER
from bot.engine import Status
from bot.engine.summaries import Summary
from bot.engine.transcript import Transcript
from bot.measures import Use
from bot.names import clean_name
from bot.ports import AnswerState, ConversationSettings, Part, Quota, Spent

WORKING = "Thinking…"
"""What a message says before the first words of an answer."""
NOTHING_ASKED = (
    "What would you like to know? Write it after my name, or mention me in a reply to a message."
)
DEFECT = "Something went wrong on my side. The operator's log says what."
THANKS = "Thank you, noted."
NOT_HERE = "I am not set up to answer here."
NOT_YOU = "You are not among the people whom I answer here."
NO_DIRECT_MESSAGES = "I don't answer direct messages here. Ask me in a channel."
MAY_NOT_WRITE = "I may not write in this channel. An admin here can allow it."
ADMINS_ONLY = "Only an admin can see or change the system prompt of this conversation."
MODEL_FOR_ADMINS = "Only an admin can choose the model of this conversation."
STATS_FOR_ADMINS = "Only an admin can see the statistics of this place."
STATS_DAYS = 7
"""Days that /stats sums up."""
STATS_PEOPLE = 5
"""People that it names."""
SUMMARIES_OFF = "Summaries are switched off here."
NOTHING_SAID_SINCE = (
    "Nothing was said here since your last message. Name a time or a message: `30m`, `2h`, `3d`, "
    "or a link to a message of this place."
)
NOTHING_SAID_THEN = "Nothing was said here since then."
NO_DIRECT = "I have no way to write to you alone here."
DIRECT_CLOSED = (
    "I cannot send you a direct message. Allow direct messages from members of this server in its "
    "privacy settings, or write to me first, and try again."
)
EXPORT_RUNS = "Your data is being put together already; it comes in a direct message."
NOTHING_STORED = "I have nothing stored of you."
NO_SUCH_ANSWER = "There is no such answer any more."
NO_THOUGHT = "There is no thought to show of this answer."
UNKNOWN_BUTTON = "I don't know this button any more."

_ENDS = {
    AnswerState.CUT: "Length limit reached. Press Continue for more.",
    AnswerState.STOPPED: "Stopped.",
    AnswerState.INTERRUPTED: "I was restarted before this answer was complete.",
    AnswerState.FAILED: "This answer failed. Press Regenerate to try again.",
}


def note_of(part: Part) -> str:
    """The small line below the last part of an answer: the engine's note, or how the answer ended
    where its text does not show that. "" where nothing needs to be said."""
    end = _ENDS.get(part.state, "") if part.last else ""
    if part.note and part.state is AnswerState.CUT and part.text != PLACEHOLDER:
        # the note is about something else, and does not say how to go on
        return f"{end} {part.note}".strip()
    return part.note or end


def stopped_text(count: int) -> str:
    """Answers /stop."""
    return "Stopped." if count == 1 else f"Stopped {count} answers."


def reset_text(count: int, forget: str) -> str:
    """Answers /reset. `count`: exchanges that the model no longer sees. `forget`: the command that
    deletes what is stored."""
    if not count:
        return "Conversation restarted. It was empty."
    seen, stay = "the earlier question", "It stays"
    if count > 1:
        seen, stay = f"the {count:,} earlier questions", "They stay"
    return (
        f"Conversation restarted. I no longer see {seen}. {stay} stored; {forget} deletes what you "
        "asked."
    )


def muted_text(*, muted: bool) -> str:
    """Answers /mute and /unmute."""
    return "I am muted here now; admins can still ask me." if muted else "I answer here again."


def forgotten_text(count: int) -> str:
    """Answers /forget me."""
    deleted = (
        f"Done: {counted(count, 'question')} of yours and my answers to them are deleted for good. "
        if count
        else "I have no questions of yours. "
    )
    return (
        f"{deleted}My answers to other people stay, even where they quote you. "
        "The messages in the chat are not mine to delete."
    )


def summary_begun_text(messages: int, steps: int, *, direct: bool) -> str:
    """Answers /summarize before the summary comes; "" where nothing needs to be said. `direct`: it
    comes in a direct message."""
    if steps == 1 and not direct:
        return ""
    takes = f" in {steps:,} steps, which takes a while" if steps > 1 else ""
    where = " The summary comes in a direct message." if direct else ""
    return f"I am reading {counted(messages, 'message')}{takes}.{where} `/stop` ends it."


def summary_text(summary: Summary, said: Transcript) -> str:
    """A summary as the person gets it, with how much it covers; or why there is none."""
    if summary.failed:
        return summary.text
    head = f"**Summary of {counted(len(said.spoken), 'message')}**"
    if said.older:
        head += " (earlier ones are left out)"
    if said.later:
        head += " (later ones are left out)"
    note = f"\n\n{summary.note}" if summary.note else ""
    return f"{head}\n\n{summary.text}{note}"


def exported_text(files: int) -> str:
    """Answers /export me."""
    what = "a file" if files == 1 else f"{files:,} files"
    return f"All that I have stored of you is in your direct messages with me now, as {what}."


def export_file_text(number: int) -> str:
    """Stands beside a file of an export, of which this is the first, second …"""
    if number > 1:
        return f"File {number}: it goes on where the file before ends."
    return (
        "All that I have stored of you: your questions with my answers and what was thought "
        "before them, your ratings, and how much you used on each day. One JSON object a line. My "
        "answers to others, even where they quote you, are not in it."
    )


def export_ended_text(files: int) -> str:
    """After the last file of an export that has several."""
    return f"That is all: {files:,} files. Joined in this order, they are one."


def system_prompt_text(prompt: str | None) -> str:
    """Shows the system prompt; None is the configuration's."""
    return f"System prompt:\n{prompt}" if prompt else "System prompt: default"


def system_prompt_set_text(prompt: str | None) -> str:
    """Answers a change of the system prompt."""
    if prompt is None:
        return "The default system prompt is back, from the next question on."
    return "The system prompt is set, from the next question on."


def settings_text(settings: ConversationSettings, models: Collection[str] = ()) -> str:
    """The settings of one conversation, a line each. `models`: those that can be chosen, where
    there are several."""
    names = {None: "default", True: "on", False: "off"}[settings.show_names]
    prompt = "default" if settings.system_prompt is None else "its own"
    return "\n".join(
        (
            f"Temperature: {_or_default(settings.temperature)}",
            f"Longest answer: {_or_default(settings.max_new_tokens, ' tokens')}",
            f"Thinking: {settings.reasoning or 'default'}",
            f"Names shown to the model: {names}",
            f"System prompt: {prompt}",
            *((f"Model: {_model(settings.model, models)}",) if models or settings.model else ()),
            f"Muted: {'yes' if settings.muted else 'no'}",
        )
    )


def _model(name: str | None, models: Collection[str]) -> str:
    if name is None or name in ("default", *models):
        return name or "default"
    return f"{name}, which is not there any more: the default answers"


def _or_default(value: float | None, unit: str = "") -> str:
    return "default" if value is None else f"{value:g}{unit}"


def stats_text(days: Sequence[Use], people: Sequence[Use]) -> str:
    """Answers /stats. `days`: the use of each of the last `STATS_DAYS` days, the newest first;
    `people`: of those who used most."""
    if not days:
        return f"Nothing was answered here in the last {STATS_DAYS} days."
    lines = [f"The last {STATS_DAYS} days here, days by UTC:"]
    lines += [f"{use.of}: {_used(use)}" for use in days]
    asked = [use for use in people if use.answers]
    if asked:
        lines.append("Who asked most:")
        lines += [f"{clean_name(use.name, 'somebody')}: {_used(use)}" for use in asked]
    return "\n".join(lines)


def _used(use: Use) -> str:
    parts = [counted(use.answers, "answer")]
    if use.failed:
        parts.append(f"{use.failed:,} failed")
    parts.append(f"{use.prompt_tokens + use.completion_tokens:,} tokens")
    if use.timed:
        parts.append(f"first token after {use.first_token:.1f} s")
    if use.up or use.down:
        parts.append(f"{use.up:,} good and {use.down:,} bad verdicts")
    return ", ".join(parts)


def status_text(status: Status) -> str:
    """Answers /status, a line each."""
    model = status.model
    speed = f"{status.tokens_per_second:.1f} tokens a second"
    writing, waiting = counted(status.writing, "answer"), counted(status.waiting, "question")
    note = (f"Note: {model.note}",) if model.note else ()
    return "\n".join(
        (
            f"Model: {model.name} (quantization {model.low_bit})",
            f"Context window: {model.context:,} tokens",
            *(("Thinks before it answers: yes",) if model.thinks_at else ()),
            f"Runs on: {model.device}, by {model.backend}",
            *note,
            f"Now: {writing} being written, {waiting} waiting",
            f"Speed of the last answer: {speed if status.tokens_per_second else 'not known yet'}",
            f"Generated since the start: {tokens_text(status.generated, status.thinking)}",
            *further_lines(status),
        )
    )


def about_text(
    status: Status, *, may: bool, admin: bool = False, direct: bool = True, left: str = ""
) -> str:
    """What Parley is and what a person may do, in Markdown. `left`: of their quota."""
    who = "You may ask me." if may else NOT_YOU
    if may and not direct:
        who += " I don't answer direct messages here."
    if admin:
        who += (
            " You are an admin here: you may stop others' answers, restart and mute conversations, "
            "and change their settings."
        )
    model = status.model
    now = f"{counted(status.writing, 'answer')} being written, {status.waiting:,} waiting"
    paragraphs = (
        "**I am Parley:** I answer questions with a chat model that runs where my operator wants.",
        who,
        f"**Model:** {model.name}, on {model.device}. Now {now}.",
        *((f"**Left for you today:** {left}",) if may else ()),
    )
    return "\n\n".join(paragraphs)


def quota_left_text(quota: Quota, spent: Spent) -> str:
    """What is left of the day's quota."""
    left = [
        f"{max(0, most - used):,} of {most:,} {what}"
        for most, used, what in (
            (quota.answers_per_day, spent.answers, "answers"),
            (quota.tokens_per_day, spent.tokens, "tokens"),
        )
        if most
    ]
    return f"{' and '.join(left)}. It is renewed at midnight UTC." if left else "there is no limit."


def tokens_text(generated: int, thinking: int) -> str:
    """How many tokens were generated, and how many of them were thought, where any were."""
    thought = f", {thinking:,} of them thinking" if thinking else ""
    return counted(generated, "token") + thought


def privacy_text(
    retention_days: int,
    reset: str,
    forget: str,
    *,
    export: str = "",
    catches_up: bool = False,
    channel_context: int = 0,
    summarizes: bool = False,
) -> str:
    """Answers /privacy. `retention_days` as configured: 0 keeps everything. `reset`, `forget` and
    `export`: the platform's commands. `catches_up`: whether missed questions are looked for.
    `channel_context`: how many messages before a question in a channel are read. `summarizes`:
    whether summaries are made."""
    export = f"{export} gives you all that is stored of you. " if export else ""
    kept = (
        f"for {counted(retention_days, 'day')}" if retention_days else "until somebody deletes it"
    )
    read = (
        "**What I read:** for an answer in a thread, the newest messages of that thread and the "
        "message that it was opened on, whoever wrote them, with the names; of files only the "
        "names. "
        f"{_channel_read(channel_context)}"
        "The model gets them with the question; they are read again for each answer, and stored "
        "nowhere.\n"
    )
    missed = (
        "After I was away, I read the newest messages where I answered lately, to find questions "
        "that I missed. Only these questions are stored.\n"
    )
    summed_up = (
        "**What I read for a summary:** the messages of the place where somebody asks for one, who "
        "alone sees it. Neither they nor the summary are stored.\n"
    )
    return (
        "**What I store:** the questions that people ask me, with their names and ids, my answers "
        "to them with what the model thought before it answered, and 👍 👎, "
        f"{kept}. What a question points at is stored as a part of it: a message that is replied "
        "to or forwarded, what was said just before a mention alone, and the text files on which a "
        "thread was opened. Other messages are not stored.\n"
        f"{read}{missed if catches_up else ''}{summed_up if summarizes else ''}"
        "**Where:** in the database of whoever runs me. The model runs on their own machine, "
        "unless they set up a server of theirs for it; nothing is sent to a third party.\n"
        f"**What you can do:** {reset} (admins) restarts the conversation: the model no longer "
        "sees what was said, but it stays stored. Delete a question, and it is deleted here with "
        f"its answer. {export}{forget} deletes everything that you ever asked, with my answers, "
        "for good. My answers to other people stay, even where they quote you."
    )


def _channel_read(messages: int) -> str:
    if not messages:
        return "In a channel I read only what is asked of me. "
    before = "message" if messages == 1 else f"{messages} messages"
    return f"For an answer in a channel, the {before} before the question. "


def counted(number: int, thing: str) -> str:
    """``1 day``, ``2 days``."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
