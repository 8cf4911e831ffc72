"""The surface of an answer: nonces, replies, rate limits, files."""

from dataclasses import replace
from typing import Any

from adapters.discord.api import MessageWrites, Payload, Response, Upload
from adapters.discord.rendering import payload
from adapters.discord.surface import BURST, EDITS_PER_SECOND, DiscordSurface
from bot.ports import AnswerState, Dialect, Form, Part
from tests.virtual_clock import VirtualClock


class RecordingWire:
    """Accepts every request and records it."""

    def __init__(self, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.headers = headers or {}
        self.payloads: list[dict[str, Any]] = []
        self.uploads: list[Upload | None] = []

    async def __call__(
        self, method: str, path: str, payload: Payload | None, upload: Upload | None
    ) -> Response:
        self.payloads.append(dict(payload or {}))
        self.uploads.append(upload)
        return Response(self.status, self.headers, {"id": "1", "code": 10008})


def a_surface(wire: RecordingWire, seed: str = "q", reply_to: str = "9") -> DiscordSurface:
    return DiscordSurface(MessageWrites(wire, VirtualClock()), "c", seed=seed, reply_to=reply_to)


def a_part(answer: int = 7, index: int = 0) -> Part:
    return Part(answer, index, "Hello.", AnswerState.WRITING, last=True)


async def nonce(wire: RecordingWire, surface: DiscordSurface, part: Part) -> str:
    await surface.send(part)
    assert wire.payloads[-1]["enforce_nonce"] is True
    return str(wire.payloads[-1]["nonce"])


async def test_two_attempts_to_post_a_part_carry_one_nonce() -> None:
    wire = RecordingWire()
    surface, after_restart = a_surface(wire), a_surface(wire)
    first = await nonce(wire, surface, a_part())
    assert first == await nonce(wire, surface, a_part())
    assert first == await nonce(wire, after_restart, a_part())
    assert len(first) <= 25


async def test_other_parts_answers_and_questions_have_other_nonces() -> None:
    wire = RecordingWire()
    surface = a_surface(wire)
    parts = (a_part(), a_part(index=1), a_part(answer=8))
    nonces = {await nonce(wire, surface, part) for part in parts}
    nonces.add(await nonce(wire, a_surface(wire, seed="another"), a_part()))
    assert len(nonces) == 4


async def test_a_part_that_was_removed_can_be_posted_again() -> None:
    wire = RecordingWire()
    surface = a_surface(wire)
    first = await nonce(wire, surface, a_part())
    await surface.remove("1")
    assert await nonce(wire, surface, a_part()) != first


async def test_the_first_message_replies_to_the_question_if_it_is_still_there() -> None:
    wire = RecordingWire()
    surface = a_surface(wire)
    await surface.send(a_part())
    await surface.send(a_part(index=1))
    reference = {"message_id": "9", "fail_if_not_exists": False}
    assert wire.payloads[0]["message_reference"] == reference
    assert "message_reference" not in wire.payloads[1]


async def test_removing_a_missing_message_raises_nothing() -> None:
    await a_surface(RecordingWire(status=404)).remove("1")


async def test_the_file_holds_the_whole_answer() -> None:
    wire = RecordingWire()
    assert await a_surface(wire).attach("answer.md", "Ä\ud800") == "1"
    assert wire.uploads == [Upload("answer.md", "Ä?".encode())]


async def test_the_rate_comes_from_the_headers_once_there_are_some() -> None:
    headers = {
        "X-RateLimit-Limit": "10",
        "X-RateLimit-Remaining": "9",
        "X-RateLimit-Reset-After": "5.0",
    }
    surface = a_surface(RecordingWire(headers=headers))
    assert surface.limits.edits_per_second == EDITS_PER_SECOND
    await surface.edit("1", a_part())
    assert surface.limits.edits_per_second == 2.0
    assert surface.limits.burst == BURST


async def test_answers_are_cut_by_discords_own_markdown() -> None:
    assert a_surface(RecordingWire()).limits.markdown is Dialect.DISCORD


async def test_answers_in_one_channel_share_a_budget() -> None:
    wire = RecordingWire()
    one, two = a_surface(wire).limits, a_surface(wire, seed="another").limits
    assert one.budget == two.budget == "discord:c"
    assert one.of_posts.budget == two.of_posts.budget != one.budget
    assert one.units("🙂") == 2


class WithoutHistory(RecordingWire):
    """The bot may post, but not reply: Read Message History is missing."""

    async def __call__(
        self, method: str, path: str, payload: Payload | None, upload: Upload | None
    ) -> Response:
        accepted = await super().__call__(method, path, payload, upload)
        if payload and "message_reference" in payload:
            return Response(403, {}, {"code": 160002, "message": "Cannot reply without history"})
        return accepted


async def test_where_replies_are_not_allowed_the_answer_is_posted_without() -> None:
    wire = WithoutHistory()
    assert await a_surface(wire).send(a_part()) == "1"
    assert ["message_reference" in payload for payload in wire.payloads] == [True, False]


async def test_simpler_forms_leave_out_buttons_and_then_all_but_the_text() -> None:
    wire = RecordingWire()
    surface = a_surface(wire)
    for form in Form:
        await surface.edit("1", replace(a_part(), form=form))
    full, plain, bare = wire.payloads
    assert full["components"]
    assert plain["components"] == []
    assert set(bare) <= {"content", "allowed_mentions", "components"}
    assert all(payload["content"].startswith("Hello.") for payload in wire.payloads)


async def test_retiring_a_message_removes_its_buttons_and_nothing_else() -> None:
    wire = RecordingWire()
    await a_surface(wire).retire("1")
    assert wire.payloads == [{"components": []}]
    gone = RecordingWire(status=404)
    await a_surface(gone).retire("1")


# ---------------------------------------------------------------- what a crash left


class History(RecordingWire):
    """Lists these messages, as Discord does: after one, the newest first."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        super().__init__()
        self._messages = messages
        self.paths: list[str] = []

    async def __call__(
        self, method: str, path: str, payload: Payload | None, upload: Upload | None
    ) -> Response:
        self.paths.append(f"{method} {path}")
        return Response(200, {}, [*reversed(self._messages)])


def listed(message: str, answer: int, tag: str = "ab") -> dict[str, Any]:
    shown = replace(a_part(answer), tag=tag)
    return {"id": message, **payload(shown)}


async def test_a_message_that_was_not_recorded_is_found_by_its_buttons() -> None:
    wire = History(
        {"id": "11", "content": "Somebody's"},
        listed("12", 8),
        listed("13", 7, tag="cd"),
        listed("14", 7),
    )
    part = replace(a_part(), tag="ab")
    surface = a_surface(wire, seed="9")
    assert await surface.find(part, ["10"]) == "14"
    assert wire.paths == ["GET /channels/c/messages?after=10&limit=100"]
    assert await surface.find(part, []) == "14"
    assert wire.paths[-1] == "GET /channels/c/messages?after=9&limit=100"
    assert await surface.find(part, ["10", "14"]) is None


async def test_a_list_of_messages_that_is_none_finds_nothing() -> None:
    assert await a_surface(RecordingWire(), seed="9").find(a_part(), []) is None
