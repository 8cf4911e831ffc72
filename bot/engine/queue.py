"""A bounded fair queue over conversations and people.

Different people are answered at the same time in one conversation, up to `parallel` of them; the
questions of one person in it are answered one after the other, in the order in which they came.

Across conversations, and across people, it is round-robin: somebody who asks ten things at once
waits behind somebody who asks one. The order is start-time fair queueing (Goyal, Vin and Cheng,
1996) with equal weights: a question's tag is one more than the tag of its person's last question
and than that of the question before it in its conversation, and never below the tag that was served
last. Which question comes before it in its conversation is decided in the same way between the
people there; with ``parallel=1`` it is the one that came before it.

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
    number: int
    earliest: int
    """The least tag that its person's earlier questions allow."""
    round: int
    """Its place among the people of its conversation."""
    tag: int = 0
    on_place: Callable[[int], None] = lambda _: None
    granted: asyncio.Event = field(default_factory=asyncio.Event)
    ahead: int = -1
    """The last value that `on_place` was called with."""
    lane: str | None = ""
    """The model whose slot it waits for; None while that is not known."""

    @property
    def asker(self) -> tuple[str, str]:
        """The person in this conversation, who is answered one question at a time."""
        return self.conversation, self.person


class FairQueue:
    """At most `slots` tickets are granted at a time, at most `parallel` of them for one
    conversation, and at most `bound` wait. `lanes` are the slots of further lanes, by name; `slots`
    are those of the lane ""."""

    def __init__(
        self,
        *,
        slots: int,
        bound: int,
        bound_per_person: int,
        parallel: int = 1,
        lanes: Mapping[str, int] | None = None,
    ) -> None:
        self._slots = {"": slots, **(lanes or {})}
        self._bound = bound
        self._bound_per_person = bound_per_person
        self._parallel = parallel
        self._waiting: list[Ticket] = []  # by (tag, number): the order of service
        self._granted: set[Ticket] = set()
        self._count = 0
        self._now = 0  # the tag served last
        self._next_of_person: dict[str, int] = {}
        self._next_of_conversation: dict[str, int] = {}
        self._rounds: dict[str, int] = {}  # of each conversation, the round served last
        self._next_round: dict[tuple[str, str], int] = {}

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
        earliest = max(self._now, self._next_of_person.get(person, 0))
        asker = (conversation, person)
        this_round = max(self._rounds.get(conversation, 0), self._next_round.get(asker, 0))
        ticket = Ticket(conversation, person, self._count, earliest, this_round, lane=lane)
        self._count += 1
        self._next_round[asker] = this_round + (self._parallel > 1)
        self._waiting.append(ticket)
        self._order()
        self._next_of_person[person] = ticket.tag + 1
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
            self._order()
        self._serve()

    def _order(self) -> None:
        """Give every waiting ticket its tag. What was served before is not changed by it."""
        tags = dict(self._next_of_conversation)
        for ticket in sorted(self._waiting, key=lambda one: (one.round, one.number)):
            ticket.tag = max(ticket.earliest, tags.get(ticket.conversation, 0))
            tags[ticket.conversation] = ticket.tag + 1
        self._waiting.sort(key=lambda one: (one.tag, one.number))

    def _serve(self) -> None:
        running = Counter(ticket.conversation for ticket in self._granted)
        lanes = Counter(ticket.lane for ticket in self._granted)
        passed = {ticket.asker for ticket in self._granted}
        for ticket in list(self._waiting):
            here = running[ticket.conversation]
            if here >= self._parallel or ticket.asker in passed:
                passed.add(ticket.asker)
                continue
            running[ticket.conversation] += 1  # also without a slot: it keeps its place here
            passed.add(ticket.asker)
            if lanes[ticket.lane] >= self._slots_of(ticket.lane):
                continue
            lanes[ticket.lane] += 1
            self._grant(ticket)
        self._forget_the_past()
        for ticket in (*self._granted, *self._waiting):
            self._report(ticket)

    def _grant(self, ticket: Ticket) -> None:
        self._waiting.remove(ticket)
        self._granted.add(ticket)
        self._now = max(self._now, ticket.tag)
        here = ticket.conversation
        later = max(ticket.tag + 1, self._next_of_conversation.get(here, 0))
        self._next_of_conversation[here] = later
        self._rounds[here] = max(ticket.round, self._rounds.get(here, 0))
        ticket.granted.set()

    def _forget_the_past(self) -> None:
        """A tag that is not above the one served last has no effect any more, where nobody
        waits."""
        now, busy = self._now, {ticket.conversation for ticket in self._waiting}
        self._next_of_person = {
            person: tag for person, tag in self._next_of_person.items() if tag > now
        }
        self._next_of_conversation = {
            here: tag
            for here, tag in self._next_of_conversation.items()
            if tag > now or here in busy
        }
        kept = busy | {ticket.conversation for ticket in self._granted}
        self._rounds = {here: served for here, served in self._rounds.items() if here in kept}
        self._next_round = {
            asker: later
            for asker, later in self._next_round.items()
            if asker[0] in kept and later > self._rounds.get(asker[0], 0)
        }

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
