"""A clock, a surface, a ledger, a Delivery and a sample answer, for the tests of delivery."""

from dataclasses import dataclass, field

from bot.delivery import Delivery, LiveAnswer
from bot.ports import AnswerState, StoredAnswer, SurfaceLimits
from tests.bot.delivery.markdown_texts import split
from tests.bot.delivery.recording_ledger import RecordingLedger, stored
from tests.fake_surface import Bucket, FakeSurface
from tests.virtual_clock import VirtualClock

STORY = "".join(
    f"Paragraph {n} says **this** and `that`, and then goes on for a while.\n\n"
    + (f"```python\nprint({n})\n```\n\n" if n % 4 == 3 else "")
    for n in range(30)
)


@dataclass
class World:
    """A channel in virtual time, its ledger, and the Delivery that uses both."""

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(start=0.0))
    ledger: RecordingLedger = field(default_factory=RecordingLedger)
    max_units: int = 1900
    rate: float = 1.0
    burst: int = 5
    latency: float = 0.1
    patience: float = 3600.0
    max_messages: int = 8

    def __post_init__(self) -> None:
        self.bucket = Bucket(self.clock, self.rate, self.burst)
        self.surface = self.another()
        self.delivery = self.restarted()

    def another(self, **options: bool) -> FakeSurface:
        limits = SurfaceLimits(
            self.max_units, edits_per_second=self.rate, burst=self.burst, budget="channel"
        )
        return FakeSurface(self.clock, limits, bucket=self.bucket, latency=self.latency, **options)

    def restarted(self) -> Delivery:
        return Delivery(
            self.clock,
            self.ledger,
            edit_interval=0.5,
            max_messages=self.max_messages,
            patience=self.patience,
        )

    async def write(self, live: LiveAnswer, text: str, speed: float = 80.0) -> None:
        """Stream the text as a model does, four characters at a time and `speed` a second."""
        for start in range(0, len(text), 4):
            live.write(text[start : start + 4])
            await self.clock.sleep(4 / speed)

    async def show(
        self,
        text: str,
        answer: StoredAnswer | None = None,
        state: AnswerState = AnswerState.DONE,
        surface: FakeSurface | None = None,
    ) -> None:
        async with self.delivery.open(answer or stored(), surface or self.surface) as live:
            await self.write(live, text)
            await live.finish(state)

    def assert_shows(self, text: str, surface: FakeSurface | None = None) -> None:
        """Assert that exactly this answer is shown, and that its last message is in state DONE."""
        surface = surface or self.surface
        assert surface.texts == [piece.text for piece in split(text, self.max_units)]
        assert [part.last for part in surface.visible] == [False] * (len(surface.texts) - 1) + [
            True
        ]
        assert {part.state for part in surface.visible} == {AnswerState.DONE}
