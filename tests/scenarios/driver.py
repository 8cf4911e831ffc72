"""What the scenarios need of a platform.

A new platform gets every scenario by one module on_NAME.py beside this one, which `platforms.py`
lists:

- an `OpenPlatform` for `Chatting`: one person who talks with the bot alone;
- one or more `Variant`s for `Group`: a channel with several people. A platform that shows answers
  in more than one way (by edits and by streams, in the channel and in threads) has one for each.
  A variant names in `can` what the platform has; scenarios that need more are left out for it.

A driver does what people do and reads what they see. It decides nothing and asserts nothing of its
own, and it never looks into Parley: what people see comes from the imitation of the platform.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import Any, Protocol

from bot.engine import Engine
from bot.messages import ConversationKey
from bot.ports import Generator, Store
from tests.until import until


class Press(StrEnum):
    """What can be done to an answer by a button."""

    STOP = "Stop"
    REGENERATE = "Regenerate"
    CONTINUE = "Continue"
    UP = "Up"
    DOWN = "Down"
    THINKING = "Thinking"


# ---------------------------------------------------------------- one person


class Chatting(Protocol):
    """A Parley that runs, and the person who talks with it alone."""

    engine: Engine
    key: ConversationKey

    async def say(self, text: str) -> None:
        """Ask. Returns when the question is on its way."""
        ...

    async def press(self, button: Press) -> None: ...

    async def reset(self) -> None:
        """Restart the conversation, by this platform's command."""
        ...

    def read(self) -> str:
        """What answers to the last thing said, as its reader puts it together."""
        ...

    async def settled(self) -> None:
        """Wait until every answer is shown to its end."""
        ...


class Platform(Protocol):
    """A platform, or an imitation of one, that outlives Parley. Its store does too."""

    @property
    def store(self) -> Store: ...

    def running(self, generator: Generator) -> AbstractAsyncContextManager[Chatting]:
        """One run of Parley, from its start until it is shut down, answers under way included."""
        ...


OpenPlatform = Callable[[], AbstractAsyncContextManager[Platform]]


# ---------------------------------------------------------------- several people


class Who(StrEnum):
    """The people. The value is the name that the platform shows."""

    ANA = "Ana"
    BEN = "Ben"
    ADA = "Ada"
    """An admin by the platform's own rights; whoever sits at a terminal."""


class Where(Enum):
    """Places in which something is said or pressed."""

    HERE = auto()
    """The conversation. Where questions open threads: the thread of the first question, and the
    channel before it was asked."""
    CHANNEL = auto()
    """The channel that the conversation belongs to."""
    PEOPLES_THREAD = auto()
    """A thread of that channel, on a message of Ben's that did not concern the bot."""
    ELSEWHERE = auto()
    """Another channel."""
    DIRECT = auto()
    """The direct message of whoever acts."""


class Can(Enum):
    """What a platform has."""

    OTHERS = auto()
    """Several people in one place, who see different buttons' effects and are told in private."""
    EDITS = auto()
    """Questions can be edited and deleted."""
    SETTINGS = auto()
    """Commands for settings, mute, forget and privacy."""
    FILES = auto()
    QUOTES = auto()
    """A question can quote a message of somebody else."""
    MENU = auto()
    """The menu of a message has an entry by which a question about it is asked."""
    FORWARDS = auto()
    """Messages can be forwarded, and there are channels in which no mention is needed."""
    ASK_COMMAND = auto()
    """A command that asks, and shows the question to the channel."""
    THREADS = auto()
    """In this variant every question in the channel opens a thread."""
    CONNECTION = auto()
    """Events come over a connection that can break and deliver twice."""
    DIRECT = auto()
    """The bot can write to one person alone."""
    HISTORY = auto()
    """The platform keeps messages, and shows them to the bot when it asks."""


class Command(Enum):
    """Operations for which people use a command."""

    STOP = auto()
    STOP_EVERYONE = auto()
    RESET = auto()
    SETTINGS = auto()
    MUTE = auto()
    UNMUTE = auto()
    FORGET_ME = auto()
    EXPORT_ME = auto()
    SUMMARIZE = auto()
    STATUS = auto()
    PRIVACY = auto()
    STATS = auto()
    MODEL = auto()
    """Shows the models, or with the change ``name`` chooses one."""


class Told:
    """What a person is told in reply to one thing that they did, as privately as it may be."""

    def __init__(self, texts: Callable[[], list[str]]) -> None:
        self._texts = texts

    @property
    def so_far(self) -> list[str]:
        """The texts until now. Line ends as the person sees them."""
        return ["\n".join(ln.rstrip() for ln in text.split("\n")) for text in self._texts()]

    async def text(self) -> str:
        """Wait for the first text, and return it."""
        await until(lambda: self.so_far)
        return self.so_far[0]


@dataclass(frozen=True, slots=True)
class Said:
    """A message that somebody posted."""

    who: Who
    message: Any
    """The platform's own."""
    told: Told
    """What the author is told besides an answer: refusals, confirmations, notes."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A text that the bot sent, or the files that came with it or after it."""

    text: str
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """The last message of an answer, as people see it now."""

    text: str
    note: str
    """The small print below; "" where there is none, or the platform shows it elsewhere."""
    buttons: frozenset[Press]
    """What can be done; where there are no buttons, what the commands can do."""
    message: Any
    """The platform's own."""


@dataclass(frozen=True, slots=True)
class CommandNames:
    """Commands as people type them, as texts of the bot name them."""

    reset: str
    forget: str


@dataclass(frozen=True, slots=True)
class Named:
    """What the platform calls things, as the system prompt's variables tell it."""

    server: str
    channel: str
    """That of `Where.CHANNEL`."""
    bot: str


class Group(Protocol):
    """A Parley that runs, and people in a channel. What a variant cannot do (`Can`) may raise
    AssertionError."""

    engine: Engine
    names: CommandNames
    named: Named
    names_forwarded: bool
    """A forward says whose message it is (`Can.FORWARDS`)."""

    @property
    def key(self) -> ConversationKey:
        """The conversation of `Where.HERE`, as the core names it."""
        ...

    async def say(
        self,
        who: Who,
        text: str,
        *,
        where: Where = Where.HERE,
        files: Mapping[str, bytes] | None = None,
        quoting: Said | None = None,
        ago: float = 0.0,
    ) -> Said:
        """Post a message. "@bot" in the text is a mention of the bot as the platform writes it.
        Files are named with their suffix; .png is a picture, everything else is text. `quoting`:
        as a reply to that message (`Can.QUOTES`). `ago`: it was posted so many seconds before now
        (`Can.HISTORY`). Returns when the platform has delivered it."""
        ...

    async def forward(self, who: Who, said: Said, where: Where) -> Said:
        """Forward a message (on Slack: share it) without a word (`Can.FORWARDS`)."""
        ...

    async def machine_says(self, text: str) -> None:
        """Other machines say this in the channel (`Where.CHANNEL`), in every way in which they
        can; "@bot" as in `say` (`Can.FORWARDS`)."""
        ...

    async def edit(self, said: Said, text: str) -> None:
        """Edit one's message; "@bot" as in `say`."""
        ...

    async def delete(self, said: Said) -> None: ...

    async def ask_by_command(self, who: Who, text: str) -> Told:
        """Ask in the channel by a command (`Can.ASK_COMMAND`)."""
        ...

    async def ask_about(self, who: Who, said: Said, text: str) -> None:
        """Ask about somebody's message by its menu (`Can.MENU`)."""
        ...

    def answers(self, where: Where = Where.HERE) -> list[Answer]:
        """The answers that people see in a place, oldest first. Answers in scenarios fit into one
        message."""
        ...

    def posted(self, where: Where = Where.HERE) -> int:
        """How many messages of the bot people see in a place, of whatever kind; private texts are
        not among them."""
        ...

    async def press(self, who: Who, button: Press, answer: Answer) -> Told:
        """Press a button below an answer; where the platform itself shows a stop button beside a
        stream, this one."""
        ...

    async def press_elsewhere(self, who: Who, button: Press, answer_id: int, where: Where) -> Told:
        """Press a button that names this answer, in a message that stands in another place: what
        the platform would deliver if somebody forged it."""
        ...

    async def command(
        self,
        who: Who,
        command: Command,
        changes: Mapping[str, str] | None = None,
        *,
        where: Where = Where.HERE,
    ) -> Told:
        """Use a command; where the platform has none in a place, by what people type there
        instead. `changes`: of the settings."""
        ...

    async def system_prompt(self, who: Who) -> str:
        """The system prompt of the conversation as the platform shows it to an admin; "" is the
        default."""
        ...

    async def set_system_prompt(self, who: Who, text: str) -> Told:
        """Set it as people do; "" returns it to the default."""
        ...

    def direct(self, who: Who) -> list["Sent"]:
        """What the bot sent this person in their direct message (`Can.DIRECT`), oldest first."""
        ...

    def close_direct(self, who: Who) -> None:
        """The person takes no direct messages of the bot any more (`Can.DIRECT`)."""
        ...

    async def lose_connection(self) -> None:
        """The connection to the platform breaks. Returns when it stands again."""
        ...

    async def deliver_again(self) -> None:
        """The platform delivers what was said last once more."""
        ...

    def unheard(self) -> AbstractAsyncContextManager[None]:
        """What is done while the body runs reaches Parley by no event (`Can.HISTORY`): it is not
        running, or else the connection is lost for good and is made anew at the end."""
        ...

    @property
    def histories_read(self) -> int:
        """How many times messages were asked for."""
        ...

    async def settled(self) -> None:
        """Wait until every answer to a question that Parley knows of is shown to its end. Whether
        it knows of one already, the scenario has to see: by a prompt, by a text."""
        ...


class GroupPlatform(Protocol):
    """As `Platform`, for a channel with several people."""

    @property
    def store(self) -> Store: ...

    def configure(self, **delivery: Any) -> None:
        """Change the section ``[delivery]`` for the runs that follow (`Can.HISTORY`)."""
        ...

    def add_model(self, name: str, generator: Generator) -> None:
        """A further model, for the runs that follow."""
        ...

    def set_topic(self, topic: str) -> None:
        """Give `Where.CHANNEL` a topic, for the runs that follow (`Can.OTHERS`)."""
        ...

    def answer_all(self, ignore_prefix: str = "//") -> None:
        """In the runs that follow, every message in `Where.CHANNEL` and its threads is a question
        (`Can.FORWARDS`)."""
        ...

    def fold_thoughts(self) -> None:
        """``[conversation] thinking = "fold"`` for the runs that follow (`Can.OTHERS`)."""
        ...

    def running(self, generator: Generator) -> AbstractAsyncContextManager[Group]:
        """One run of Parley, as `Platform.running`."""
        ...


@dataclass(frozen=True, slots=True)
class Variant:
    """One way in which a platform shows answers."""

    name: str
    open: Callable[[], AbstractAsyncContextManager[GroupPlatform]]
    can: frozenset[Can] = field(default_factory=frozenset)
