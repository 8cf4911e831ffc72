"""A fake chat platform in memory, with enforced rate limits and messages that people can delete."""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal

from bot.clock import Clock
from bot.errors import MessageGone, SurfaceBusy, SurfaceError
from bot.ports import AnswerState, Part, StoredAnswer, Surface, SurfaceFinder, SurfaceLimits

PLACEHOLDER = "…"
"""What a message shows while its answer has no text."""

Kind = Literal["send", "edit", "remove", "attach", "retire", "whisper"]


def utf16_units(text: str) -> int:
    """The length of a text as Discord measures it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class Bucket:
    """A rate limit as a platform enforces it: `burst` calls at once, then `rate` a second.

    Deliberately not `bot.token_bucket`, which is under test here: an error in that must show as
    refused calls.
    """

    def __init__(self, clock: Clock, rate: float, burst: int) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._stamp = clock.monotonic()
        self.refused = 0
        """Calls that came too early."""

    def take(self) -> None:
        """Count one call. Raises SurfaceBusy where there was one too many."""
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._stamp) * self._rate)
        self._stamp = now
        if self._tokens < 1 - 1e-6:
            self.refused += 1
            raise SurfaceBusy("too fast", retry_after=(1 - self._tokens) / self._rate)
        self._tokens -= 1


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the surface. `done` is the time at which it took effect; None: it did not."""

    kind: Kind
    begun: float
    done: float | None
    message: str
    part: Part | None = None


@dataclass(slots=True)
class Trouble:
    """A failure that is injected into one of the next calls."""

    error: SurfaceError | None
    kind: Kind | None
    takes_effect: bool
    """Whether the call takes effect before it fails, as with a lost response."""


@dataclass(slots=True)
class Message:
    """A message in the channel."""

    part: Part
    deleted: bool = False
    history: list[Part] = field(default_factory=list)


class FakeSurface:
    """A working `bot.ports.Surface` for one answer or several in a channel.

    Surfaces that share `bucket` share a rate limit. A second `send` with the same `Part.key`
    returns the first message, unchanged, as a platform with nonces does; with
    ``remembers_keys=False`` it posts another. Calls take `latency` seconds and take effect at the
    end of them. Overlapping calls for one answer, empty texts and texts that are too long raise
    AssertionError.
    """

    def __init__(
        self,
        clock: Clock,
        limits: SurfaceLimits | None = None,
        *,
        bucket: Bucket | None = None,
        latency: float = 0.0,
        remembers_keys: bool = True,
        takes_files: bool = True,
    ) -> None:
        self._clock = clock
        self._limits = limits or SurfaceLimits(max_units=1900, edits_per_second=1.0, burst=5)
        self.bucket = bucket or Bucket(clock, self._limits.edits_per_second, self._limits.burst)
        self.latency = latency
        self._remembers_keys = remembers_keys
        self._takes_files = takes_files
        self._keys: dict[str, str] = {}
        self._busy: set[int] = set()
        self._trouble: deque[Trouble] = deque()
        self.refuse: Callable[[Part], bool] = lambda _: False
        """Which messages this platform refuses, however often they are sent."""
        self.whispered: list[str] = []
        """What whoever asked was told in private."""
        self.retired: list[str] = []
        """Messages whose buttons were removed."""
        self.searchable = True
        """Whether `find` finds anything."""
        self.searches = 0
        self.messages: dict[str, Message] = {}
        self.files: list[tuple[str, str]] = []
        self.calls: list[Call] = []

    @property
    def limits(self) -> SurfaceLimits:
        return self._limits

    # ---------------------------------------------------------------- for tests

    def fail(
        self, error: SurfaceError | None, *, kind: Kind | None = None, takes_effect: bool = False
    ) -> None:
        """Make the next call (of that kind) raise `error`; None lets it succeed. Failures are used
        in order."""
        self._trouble.append(Trouble(error, kind, takes_effect))

    def delete(self, message: str) -> None:
        """Delete a message, as a person does."""
        self.messages[message].deleted = True

    @property
    def visible(self) -> list[Part]:
        """The content of the messages that are not deleted, in the order of posting."""
        return [message.part for message in self.messages.values() if not message.deleted]

    @property
    def texts(self) -> list[str]:
        return [part.text for part in self.visible]

    def joined(self) -> str:
        """The answer as a reader sees it: the messages joined by line breaks, without placeholders
        and without the fences that were closed and reopened at cuts. Equals the answer except for
        whitespace at the cuts and at both ends."""
        return join(part.text for part in self.visible if not _waits(part))

    # ---------------------------------------------------------------- the port

    async def send(self, part: Part) -> str:
        self._check(part)
        known = self._keys.get(part.key) if self._remembers_keys else None
        message = known or f"m{len(self.messages) + 1}"

        def effect() -> None:
            if known is None:
                self._keys[part.key] = message
                self.messages[message] = Message(part, history=[part])

        await self._call("send", message, effect, part)
        return message

    async def edit(self, message: str, part: Part) -> None:
        self._check(part)

        def effect() -> None:
            shown = self._existing(message)
            shown.part = part
            shown.history.append(part)

        await self._call("edit", message, effect, part)

    async def remove(self, message: str) -> None:
        def effect() -> None:
            if message in self.messages:
                self.messages[message].deleted = True

        await self._call("remove", message, effect)

    async def find(self, part: Part, known: Collection[str]) -> str | None:
        self.searches += 1
        found = self._keys.get(part.key) if self.searchable else None
        if found is None or found in known or self.messages[found].deleted:
            return None
        return found

    async def retire(self, message: str) -> None:
        await self._call("retire", message, lambda: self.retired.append(message))

    async def leave(self) -> None:
        """Nothing is shown beside the messages."""

    async def whisper(self, text: str) -> None:
        await self._call("whisper", "", lambda: self.whispered.append(text))

    async def attach(self, name: str, text: str) -> str | None:
        if not self._takes_files:
            return None
        await self._call("attach", name, lambda: self.files.append((name, text)))
        return f"f{len(self.files)}"

    # ---------------------------------------------------------------- implementation

    def _check(self, part: Part) -> None:
        assert part.text.strip(), "a part without text"
        units = self._limits.units(part.text)
        assert units <= self._limits.max_units, f"a part of {units} units"
        assert len(part.key) <= 25, part.key

    def _existing(self, message: str) -> Message:
        shown = self.messages.get(message)
        if shown is None or shown.deleted:
            raise MessageGone(f"message {message} no longer exists")
        return shown

    async def _call(
        self, kind: Kind, message: str, effect: Callable[[], None], part: Part | None = None
    ) -> None:
        answer = part.answer_id if part else -1
        assert answer not in self._busy or part is None, "calls for one answer overlap"
        begun = self._clock.monotonic()
        self._busy.add(answer)
        done: float | None = None
        try:
            if kind in ("send", "edit"):
                self.bucket.take()
            trouble = self._trouble_for(kind)
            if part is not None and self.refuse(part):
                raise SurfaceError(f"{kind} of {part.key} is refused")
            if self.latency:
                await self._clock.sleep(self.latency)
            else:
                await asyncio.sleep(0)
            error = trouble.error if trouble is not None else None
            if error is None or (trouble is not None and trouble.takes_effect):
                effect()
                done = self._clock.monotonic()
            if error is not None:
                raise error
        finally:
            self._busy.discard(answer)
            self.calls.append(Call(kind, begun, done, message, part))

    def _trouble_for(self, kind: Kind) -> Trouble | None:
        if self._trouble and self._trouble[0].kind in (None, kind):
            return self._trouble.popleft()
        return None


def _waits(part: Part) -> bool:
    return part.text == PLACEHOLDER and part.state is not AnswerState.WRITING


_LAST_FENCE = re.compile(r"\n([ >]*)(`{3,}|~{3,})[ \t]*\Z")
_FIRST_FENCE = re.compile(r"\A([ >]*)(`{3,}|~{3,})([^\n`]*)(?:\n|\Z)")


def join(texts: Iterable[str]) -> str:
    """The texts of an answer's messages as one text; see `FakeSurface.joined`."""
    answer = ""
    for text in texts:
        closed, opened = _LAST_FENCE.search(answer), _FIRST_FENCE.search(text)
        if closed and opened and closed[2] == opened[2]:
            answer, text = answer[: closed.start()], text[opened.end() :]
        answer = f"{answer}\n{text}" if answer else text
    return answer


_OPENERS = re.compile(r"[|*_~`]*(?:[ >]*(?:`{3,}|~{3,})[^\n]*\n[ >]*)?")
_CLOSERS = re.compile(r"(?:\n?[ >]*(?:`{3,}|~{3,}))?[|*_~`]*")
_LONGEST_SIGNS = 100


def shows(texts: Iterable[str], answer: str) -> bool:
    """Whether the texts of an answer's messages are the answer, without what closes and reopens
    marks at cuts and except for whitespace. Which marks are the answer's own, and which were added
    at a cut, is not known from the texts alone, therefore not by `join`."""
    whole = "".join(answer.split())
    reached = {0}
    for index, text in enumerate(texts):
        longest = min(len(text), _LONGEST_SIGNS) if index else 0
        starts = [n for n in range(longest + 1) if _OPENERS.fullmatch(text, 0, n)]
        last = range(max(0, len(text) - _LONGEST_SIGNS), len(text) + 1)
        stops = [n for n in last if _CLOSERS.fullmatch(text, n)]
        cores = {"".join(text[a:b].split()) for a in starts for b in stops if a <= b}
        reached = {n + len(c) for n in reached for c in cores if whole.startswith(c, n)}
    return len(whole) in reached


def at(surface: Surface) -> SurfaceFinder:
    """Finds this surface for every answer."""

    async def find(answer: StoredAnswer) -> Surface:
        return surface

    return find
