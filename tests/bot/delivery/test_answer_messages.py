"""Which call comes next, depending on what the messages are known to show."""

from bot.delivery.answer_messages import AnswerMessages, Step
from bot.delivery.rendering import Pages
from bot.ports import AnswerState, StoredAnswer, SurfaceLimits
from tests.bot.delivery.recording_ledger import RecordingLedger, stored
from tests.fake_surface import FakeSurface
from tests.virtual_clock import VirtualClock

TEXT = "A sentence of some words. " * 9


class Scene:
    """An answer of three parts that has ended, and its messages."""

    def __init__(
        self, answer: StoredAnswer, text: str = TEXT, surface: FakeSurface | None = None
    ) -> None:
        limits = SurfaceLimits(90, burst=1000)
        self.surface = surface or FakeSurface(VirtualClock(), limits)
        self.surface.calls.clear()
        self.ledger = RecordingLedger()
        self.pages = Pages(answer.id, limits, text)
        self.pages.end(AnswerState.DONE, "")
        self.messages = AnswerMessages(answer, self.surface, self.ledger, self.pages, 8)

    def next(self) -> Step | None:
        self.pages.update(0.0)
        return self.messages.next(ending=True)

    async def run(self) -> list[str]:
        """Make every call that is needed; returns their kinds."""
        while (step := self.next()) is not None:
            await step.call()
        return [call.kind for call in self.surface.calls]


async def test_an_answer_is_posted_part_by_part() -> None:
    scene = Scene(stored())
    step = scene.next()
    assert step is not None
    assert (step.first, step.post, step.newest) == (True, True, False)
    assert await scene.run() == ["send", "edit", "send", "send"]
    assert scene.ledger.messages() == ("m1", "m2", "m3")


async def test_what_a_crash_left_in_the_ledger_is_put_right() -> None:
    """A crash while references moved up by one leaves the same one twice."""
    posted = Scene(stored(), "Old.")
    await posted.run()
    scene = Scene(stored(8, messages=("m1", "m1", "")), "New.", posted.surface)
    assert await scene.run() == ["edit"]
    assert scene.surface.texts == ["New."]


async def test_only_what_the_ledger_knows_to_be_final_costs_no_edit() -> None:
    posted = Scene(stored())
    await posted.run()
    answer = stored(text=TEXT, messages=("m1", "m2"), state=AnswerState.WRITING)
    unknown = Scene(answer, TEXT, posted.surface)
    before = len(posted.surface.calls)
    await unknown.run()
    assert "m1" in [call.message for call in posted.surface.calls[before:]]


async def test_a_part_that_is_recorded_as_final_is_trusted_and_the_last_is_not() -> None:
    posted = Scene(stored())
    await posted.run()
    answer = stored(text=TEXT, messages=("m1", "m2"), state=AnswerState.WRITING, settled=1)
    scene = Scene(answer, TEXT, posted.surface)
    await scene.run()
    assert [call.message for call in scene.surface.calls] == ["m2", "m3", "m3"]
