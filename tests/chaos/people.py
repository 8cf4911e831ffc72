"""What people do on the platform: a schedule that depends on the seed alone."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from adapters.common.desk import Desk
from adapters.common.place import Place
from adapters.common.platform import Heard, Reply
from adapters.common.question import Message
from bot.messages import ConversationKey
from tests.chaos.faults import Faults
from tests.chaos.model import WORD
from tests.chaos.simulated import Button, Room, Shown, Somebody, World
from tests.chaos.thoughts import THOUGHT

ANA, BOB, MOD = Somebody("301", "Ana"), Somebody("302", "Bob"), Somebody("303", "Mod", admin=True)
PEOPLE = (ANA, BOB, MOD)
KINDS = {
    "ask": 40,
    "ask twice": 3,
    "edit": 12,
    "delete question": 6,
    "press": 22,
    "press elsewhere": 5,
    "press by another": 6,
    "say stop": 5,
    "reset": 2,
    "forget me": 1,
}
RIGHTS = {"delete answer": 8, "close place": 4, "hide place": 2, "delete place": 1}


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that somebody does. `pick` chooses among what there is at that time."""

    at: float
    kind: str
    who: Somebody
    room: str
    pick: float


def schedule(faults: Faults, seconds: float = 0.0) -> list[Act]:
    """What happens in this seed, in order; for so many seconds, where they are given."""
    draw = faults.fixed("schedule")
    weights = KINDS | ({k: v * faults.rates.rights for k, v in RIGHTS.items()})
    at, acts = 0.5, list[Act]()
    most = 1_000_000 if seconds else draw.choice([2, 5, 12, 25])
    while len(acts) < most and not (seconds and at > seconds):
        at += draw.choice([0.0, 0.05, 0.4, 2.0, 9.0])
        acts.append(_act(draw, at, weights))
    acts[0] = Act(acts[0].at, "ask", ANA, "general", 0.0)
    return acts


def _act(draw: Random, at: float, weights: dict[str, float]) -> Act:
    kind = draw.choices(list(weights), list(weights.values()))[0]
    who = draw.choices(PEOPLE, [6, 3, 1])[0]
    rooms = ["general", "general", "help", "thread", {"301": "dm-ana"}.get(who.id, "dm-bob")]
    room = draw.choice(rooms) if who is not MOD else "general"
    return Act(at, kind, who, room, draw.random())


@dataclass(eq=False, slots=True)
class Asked:
    """A question that somebody posted."""

    number: int
    message_id: str
    room: Room
    who: Somebody
    edits: int = 0
    reached: bool = False
    """A Parley that was not being left was told of it, to the end of its handler."""
    said: list[str] = field(default_factory=list)
    """What the person was told."""
    stoppable: bool = False
    """Somebody who may did something that stops its answer."""
    deleted: bool = False
    forgotten: bool = False

    @property
    def text(self) -> str:
        return f"Please answer q{self.number}v{self.edits}"


class People:
    """Carries out the schedule against whatever Parley runs at the time."""

    def __init__(self, world: World, faults: Faults) -> None:
        self.world = world
        self.faults = faults
        self.asked: list[Asked] = []
        self.touched: set[str] = set()
        """Messages of the bot that somebody deleted."""
        self._old_buttons: list[Button] = []
        self._seen: set[tuple[Button, ConversationKey]] = set()
        """All buttons that were shown, and where."""

    async def do(self, act: Act, desk: Desk | None) -> None:
        """Do it; `desk` is None while Parley is down: then only the platform changes."""
        if act.kind == "press elsewhere":
            self._remember()
        room = self.world.rooms.by_name[act.room]
        self.faults.tell(f"{act.at:.2f}: {act.who.name}: {act.kind} in {act.room}")
        if room.deleted:
            return
        match act.kind:
            case "ask" | "ask twice":
                await self._ask(act, room, desk)
            case "edit" | "delete question":
                await self._change(act, desk)
            case "press" | "press elsewhere" | "press by another":
                await self._press(act, room, desk)
            case "say stop":
                await self._say(act.who, room, "stop", desk)
            case "reset":
                await self._reset(act, room, desk)
            case "forget me":
                await self._forget(act, desk)
            case _:
                self._moderate(act, room)

    # ------------------------------------------------------------ asking

    async def _ask(self, act: Act, room: Room, desk: Desk | None) -> None:
        number = len(self.asked) + 1
        asked = Asked(number, "", room, act.who)
        asked.message_id = self.world.question(room, act.who, asked.text)
        self.asked.append(asked)
        if desk is None:
            return
        heard = Heard(asked.message_id, asked.message_id, mentioned=True, typed=asked.text)

        async def handle() -> None:
            await desk.receive(
                self._place(asked), act.who.member(), _reading(asked), heard, _replies(asked.said)
            )

        if act.kind == "ask twice":
            await asyncio.gather(handle(), handle())
        else:
            await handle()
        # what comes while Parley is left is not handled: the next run's catching up finds it, which
        # these simulated platforms do not have (whole processes do)
        asked.reached = desk.engine._running.open

    async def _change(self, act: Act, desk: Desk | None) -> None:
        own = [asked for asked in self.asked if asked.who is act.who and not asked.deleted]
        own = [asked for asked in own if not asked.room.deleted]
        if not own:
            return
        # mostly the newest
        asked = own[-1] if act.pick < 0.7 else own[int((act.pick - 0.7) / 0.3 * len(own))]
        if act.kind == "edit":
            asked.edits += 1
            asked.stoppable = True  # an edited question's answer may be replaced in mid-sentence
            heard = Heard(asked.message_id, asked.message_id, mentioned=True, typed=asked.text)
            if desk is not None:
                await desk.edited(
                    self._place(asked), act.who.member(), _reading(asked), heard, _replies([])
                )
            return
        asked.deleted = True
        if desk is not None:
            await desk.deleted(asked.room.place, [asked.message_id])

    def _place(self, asked: Asked) -> Place:
        """Where it was asked, and is answered."""
        return self.world.asked_in(asked.room, asked.message_id)

    async def _say(self, who: Somebody, room: Room, text: str, desk: Desk | None) -> None:
        message_id = self.world.question(room, who, text)
        if desk is None:
            return
        self._mark_stoppable(who, room)
        heard = Heard(message_id, message_id, mentioned=True, typed=text)

        async def read() -> Message:
            return Message(message_id, message_id, text)

        await desk.receive(room.place, who.member(), read, heard, _replies([]))
        self._mark_stoppable(who, room)  # what was asked meanwhile, too

    def _mark_stoppable(self, who: Somebody, room: Room) -> None:
        """What a "stop" in this room may stop."""
        for asked in self.asked:
            here = asked.room.key.channel == room.key.channel
            if (here and (asked.who is who or who.admin)) or (
                room.place.direct and asked.room is room
            ):
                asked.stoppable = True

    # ------------------------------------------------------------ buttons

    def _see(self) -> None:
        for shown in self.world.shown():
            self._seen |= {(button, shown.place) for button in shown.buttons}

    def _remember(self) -> None:
        self._see()
        for shown in self.world.shown():
            for button in shown.buttons:
                if button not in self._old_buttons:
                    self._old_buttons.append(button)

    async def _press(self, act: Act, room: Room, desk: Desk | None) -> None:
        here = [shown for shown in self.world.shown() if shown.place == room.key]
        buttons = [(button, shown.thread) for shown in here[-4:] for button in shown.buttons]
        if act.kind == "press elsewhere":
            buttons = [(button, "") for button in self._old_buttons]
        if not buttons or desk is None:
            return
        button, thread = buttons[int(act.pick * len(buttons))]
        place = room.place.thread(thread) if thread else room.place
        who = BOB if act.kind == "press by another" and not room.place.direct else act.who
        self.faults.tell(f"  {who.name} presses {button.action} of answer {button.answer_id}")
        if button.action == "stop":
            self._may_stop(button, who, room)

        async def work() -> str:
            person = await desk.person(place, who.member())
            return await desk.press(place, person, button.action, button.answer_id, button.tag)

        said = await desk.explained(room.key, work())
        self.faults.tell(f"  was told {said!r}")

    def _may_stop(self, button: Button, who: Somebody, room: Room) -> None:
        """Whoever may stop it: the asker, an admin, anybody in a direct message; only there."""
        self._see()
        if (button, room.key) in self._seen:  # also one that is shown no longer
            for asked in self.asked:
                if asked.room is room and (asked.who is who or who.admin or _direct(room)):
                    asked.stoppable = True

    async def _reset(self, act: Act, room: Room, desk: Desk | None) -> None:
        if desk is None:
            return
        if act.who.admin or _direct(room):
            for asked in self.asked:
                asked.stoppable = asked.stoppable or asked.room is room

        async def work() -> str:
            return await desk.reset(room.place, await desk.person(room.place, act.who.member()))

        await desk.explained(room.key, work())

    async def _forget(self, act: Act, desk: Desk | None) -> None:
        if desk is None:
            return
        self._mark_forgotten(act.who)

        async def work() -> str:
            return await desk.forget(act.who.person(self.world.name))

        await desk.explained("forget", work())
        self._mark_forgotten(act.who)  # what was asked meanwhile, too

    def _mark_forgotten(self, who: Somebody) -> None:
        for asked in self.asked:
            if asked.who is who:
                asked.stoppable = asked.forgotten = True

    # ------------------------------------------------------------ the platform itself

    def _moderate(self, act: Act, room: Room) -> None:
        shown = [shown for shown in self.world.shown() if shown.place == room.key]
        if act.kind == "delete answer" and shown:
            one = shown[int(act.pick * len(shown))]
            self.touched.add(one.ref)
            self.world.delete(one.ref)
        elif act.kind == "close place":
            room.closed = "" if room.closed else "write"
        elif act.kind == "hide place":
            room.closed = "" if room.closed else "view"
        elif act.kind == "delete place" and not room.place.direct:
            self.world.delete_room(room)

    def restore(self) -> None:
        """Rights that were taken are given back."""
        for room in self.world.rooms.by_name.values():
            room.closed = ""


def question_of(shown: Shown, by_message: Mapping[str, Asked]) -> int | None:
    """The number of the question that a message answers, by any text that it ever showed."""
    if shown.question in by_message:
        return by_message[shown.question].number
    for text in (shown.text, *reversed(shown.history)):
        if word := WORD.search(text) or THOUGHT.search(text):
            return int(word[1])
    return None


def _direct(room: Room) -> bool:
    return room.place.direct


def _reading(asked: Asked) -> Callable[[], Awaitable[Message]]:
    text = asked.text  # as it was when the event came

    async def read() -> Message:
        return Message(asked.message_id, asked.message_id, text)

    return read


def _replies(said: list[str]) -> Reply:
    async def reply(text: str, /, *, answered: bool = False) -> None:
        del answered
        said.append(text)

    return reply
