"""What the simulated platforms have in common: places, people, messages, and calls that take time.

A call travels to the platform, takes effect there, and its response travels back. Both ways can be
lost, and what was sent arrives although the sender was killed meanwhile.
"""

import asyncio
from dataclasses import dataclass, field, replace
from random import Random
from typing import Protocol, TypeVar

from adapters.common.desk import Desk
from adapters.common.place import Member, Place, Profile
from adapters.common.rules import Rules
from bot.engine import Engine
from bot.messages import ConversationKey, Person
from bot.ports import Store, SurfaceFinder
from tests.chaos.faults import Faults
from tests.chaos.life import ChaosClock, Life

RULES = Rules(show_thoughts=True)
START = 1000.0
"""The virtual clock's time at the beginning."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Button:
    """A button below a message, as its press names it."""

    action: str
    answer_id: int
    tag: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the bot as people see it."""

    ref: str
    place: ConversationKey
    text: str
    """The answer's text; "" for a placeholder."""
    note: str
    """The small print."""
    buttons: tuple[Button, ...]
    history: tuple[str, ...]
    """All texts that it showed."""
    question: str = ""
    """The message id of the question that it answers, where the platform shows that."""
    given_up: bool = False
    """Its last edit was refused in the simplest form, so that it could not be changed any more."""
    streaming: bool = False
    thread: str = ""
    """The thread of the place in which it stands, below its question."""


@dataclass(eq=False, slots=True)
class Somebody:
    """A person, and whether they may manage the places."""

    id: str
    name: str
    admin: bool = False

    def member(self) -> Member:
        async def profile() -> Profile:
            return Profile(self.name, admin=self.admin)

        return Member(self.id, profile)

    def person(self, platform: str) -> Person:
        return Person(platform, self.id, self.name, admin=self.admin)


@dataclass(eq=False, slots=True)
class Room:
    """A place on the platform. `closed`: the bot may not write, or not even see it."""

    place: Place
    closed: str = ""
    """The platform's reason; "" for open."""
    deleted: bool = False

    @property
    def key(self) -> ConversationKey:
        return self.place.key

    @property
    def channel(self) -> str:
        return self.key.thread or self.key.channel


@dataclass(slots=True)
class Rooms:
    """Two channels, a thread in the first, and a direct message of each of two people."""

    platform: str
    workspace: str
    thread: str
    by_name: dict[str, Room] = field(default_factory=dict)

    def __post_init__(self) -> None:
        general = Place(ConversationKey(self.platform, "1001", "", self.workspace), ("1001",))
        thread = replace(general, key=replace(general.key, thread=self.thread))
        self.by_name = {
            "general": Room(general),
            "help": Room(
                Place(ConversationKey(self.platform, "1002", "", self.workspace), ("1002",))
            ),
            "thread": Room(thread),
            "dm-ana": Room(self._direct("2001")),
            "dm-bob": Room(self._direct("2002")),
        }

    def _direct(self, channel: str) -> Place:
        team = self.workspace if self.platform == "slack" else ""
        return Place(ConversationKey(self.platform, channel, "", team), (channel,), direct=True)

    def delete(self, room: Room) -> None:
        """A channel goes with its threads."""
        for other in self.by_name.values():
            inside = other.key.channel == room.key.channel and not room.key.thread
            other.deleted = other.deleted or inside or other is room

    def of_channel(self, channel: str) -> Room | None:
        return next((room for room in self.by_name.values() if room.channel == channel), None)


class World(Protocol):
    """A simulated platform."""

    name: str
    rooms: Rooms
    whispered: list[tuple[str, str]]
    """What was said in private: to whom, and what."""

    def connect(
        self, engine: Engine, store: Store, clock: ChaosClock, life: Life
    ) -> tuple[Desk, SurfaceFinder]:
        """The adapter's desk and finder over this platform, for one run of Parley."""
        ...

    def question(self, room: Room, person: Somebody, text: str) -> str:
        """Somebody posts a message; its id."""
        ...

    def asked_in(self, room: Room, message_id: str) -> Place:
        """Where the question in this message is asked, and in which thread it is answered."""
        ...

    def shown(self) -> list[Shown]:
        """The bot's messages that people see, in the order of posting."""
        ...

    def delete(self, ref: str) -> None:
        """Somebody deletes a message of the bot."""
        ...

    def delete_room(self, room: Room) -> None:
        """Somebody deletes a channel or thread."""
        ...


class Journey:
    """Calls to a platform: to it, the effect, and back."""

    def __init__(self, clock: ChaosClock, faults: Faults) -> None:
        self.clock = clock
        self.faults = faults

    async def travel(self, draw: Random) -> None:
        await self.clock.sleep(draw.choice([0.02, 0.05, 0.15, 0.4]))


async def shielded(life: Life, arrival: "asyncio.Task[Result]") -> Result:
    """Wait for something that goes on at the platform when this run ends."""
    arrival.add_done_callback(lambda task: task.cancelled() or task.exception())
    life.check()
    result = await asyncio.shield(arrival)
    life.check()
    return result
