"""A bounded fair queue over conversations and people.

One answer at a time per conversation, in the order in which the questions came. Across
conversations and people it is round-robin: somebody who asks ten things at once waits behind
somebody who asks one. The order is start-time fair queueing (Goyal, Vin and Cheng, 1996) with
equal weights: a question's tag is one more than the last tag of its person and of its conversation,
and never below the tag that was served last.

With several models each has slots of its own: a *lane*. Tickets of one lane never wait for a slot
of another.

Knows nothing of models or messages. For one event loop, not thread-safe.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.errors import Busy


@dataclass(eq=False, slots=True)
class Ticket:
    """A place in the queue, from `FairQueue.join` until `FairQueue.leave`."""

    conversation: str
    person: str
    tag: int
    number: int
    on_place: Callable[[int], None] = lambda _: None
    granted: asyncio.Event = field(default_factory=asyncio.Event)
    ahead: int = -1
    """The last value that `on_place` was called with."""
    lane: str | None = ""
    """The model whose slot it waits for; None while that is not known."""


class FairQueue:
    """At most `slots` tickets are granted at a time, and at most `bound` wait. `lanes` are the
    slots of further lanes, by name; `slots` are those of the lane ""."""

    def __init__(
        self,
        *,
        slots: int,
        bound: int,
        bound_per_person: int,
        lanes: Mapping[str, int] | None = None,
    ) -> None:
        self._slots = {"": slots, **(lanes or {})}
        self._bound = bound
        self._bound_per_person = bound_per_person
        self._waiting: list[Ticket] = []  # by (tag, number): the order of service
        self._granted: set[Ticket] = set()
        self._now = 0  # the tag served last
        self._next_tags: dict[str, int] = {}
        self._count = 0

    @property
    def waiting(self) -> int:
        """Tickets that are not granted yet."""
        return len(self._waiting)

    @property
    def granted(self) -> int:
        """Tickets that hold a slot."""
        return len(self._granted)

    def granted_in(self, lane: str) -> int:
        """Tickets that hold a slot of this lane."""
        return sum(ticket.lane == lane for ticket in self._granted)

    def join(
        self,
        conversation: str,
        person: str,
        *,
        replacing: Ticket | None = None,
        lane: str | None = "",
    ) -> Ticket:
        """A ticket at its fair place, which with ``lane=None`` is not granted before `assign`.
        Raises as `check` does. The ticket must be released by `leave`, granted or not."""
        self.check(person, replacing=replacing)
        tag = max(
            self._now,
            self._next_tags.get(f"p {person}", 0),
            self._next_tags.get(f"c {conversation}", 0),
        )
        ticket = Ticket(conversation, person, tag, self._count, lane=lane)
        self._count += 1
        self._next_tags[f"p {person}"] = self._next_tags[f"c {conversation}"] = tag + 1
        self._waiting.append(ticket)
        self._waiting.sort(key=lambda t: (t.tag, t.number))
        self._serve()
        return ticket

    def check(self, person: str, *, replacing: Ticket | None = None) -> None:
        """Raise Busy where the queue, or the person's share of it, is full; `replacing`, which is
        about to leave, is not counted."""
        free = sum(self._slots.values()) - len(self._granted)
        waiting = len([ticket for ticket in self._waiting if ticket is not replacing])
        if waiting >= self._bound + max(0, free):
            raise Busy(
                f"I am busy: {waiting} questions are waiting, and that is the most I take. Ask "
                "again in a little while."
            )
        tickets = (*self._waiting, *self._granted)
        mine = [t for t in tickets if t.person == person and t is not replacing]
        if len(mine) >= self._bound_per_person:
            raise Busy(
                f"{len(mine)} of your questions are being answered or waiting, and that is the "
                "most I take from one person. Ask again when one of them is done."
            )

    async def turn(self, ticket: Ticket, on_place: Callable[[int], None]) -> None:
        """Wait until the ticket is granted. `on_place` is called, at once and on each change, with
        how many answers come before this one: 0 once it is granted."""
        ticket.on_place = on_place
        ticket.ahead = -1
        self._report(ticket)
        await ticket.granted.wait()

    def assign(self, ticket: Ticket, lane: str) -> None:
        """Let the ticket wait for a slot of `lane`, at its place. Without effect on one that is
        granted or released."""
        if ticket in self._waiting and ticket.lane != lane:
            ticket.lane = lane
            self._serve()

    def leave(self, ticket: Ticket) -> None:
        """Release the ticket. Idempotent."""
        if ticket in self._granted:
            self._granted.remove(ticket)
        elif ticket in self._waiting:
            self._waiting.remove(ticket)
        self._serve()

    def _serve(self) -> None:
        busy = {ticket.conversation for ticket in self._granted}
        running = Counter(ticket.lane for ticket in self._granted)
        passed: set[str] = set()
        for ticket in list(self._waiting):
            full = running[ticket.lane] >= self._slots_of(ticket.lane)
            if full or ticket.conversation in busy or ticket.conversation in passed:
                passed.add(ticket.conversation)
                continue
            self._waiting.remove(ticket)
            self._granted.add(ticket)
            busy.add(ticket.conversation)
            running[ticket.lane] += 1
            self._now = max(self._now, ticket.tag)
            ticket.granted.set()
        # a tag that is not above the one served last has no effect any more
        self._next_tags = {key: tag for key, tag in self._next_tags.items() if tag > self._now}
        for ticket in (*self._granted, *self._waiting):
            self._report(ticket)

    def _slots_of(self, lane: str | None) -> int:
        return 0 if lane is None else self._slots[lane]

    def _report(self, ticket: Ticket) -> None:
        ahead = 0
        if ticket not in self._granted:
            before = self._waiting[: self._waiting.index(ticket)]
            ahead = 1 + sum(one.lane == ticket.lane for one in before)
        if ahead != ticket.ahead:
            ticket.ahead = ahead
            ticket.on_place(ahead)
