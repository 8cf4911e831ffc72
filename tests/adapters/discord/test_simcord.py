"""The real client against SimCord's model of Discord's rules: permissions, commands that must be
synced, what only one person sees, and interactions that may be answered once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import discord
import simcord
from discord.http import Route

from adapters.common.rules import Rules
from adapters.discord.api import MessageWrites, Payload, Response, Upload
from adapters.discord.client import ParleyClient
from bot.clock import Clock, SystemClock
from bot.delivery import Delivery
from bot.engine import Engine
from bot.engine.job import Job
from bot.ports import Generator
from storage.in_memory import MemoryStore
from tests.adapters.discord.scene import options, own_addresses
from tests.adapters.discord.texts import TextGenerator
from tests.scripted_generator import ScriptedGenerator
from tests.until import until

Env = simcord.Env


class SimcordWire:
    """Sends what Parley writes through the client's own HTTP, which SimCord takes the place of."""

    client: ParleyClient

    async def __call__(
        self, method: str, path: str, payload: Payload | None, upload: Upload | None
    ) -> Response:
        assert upload is None, "SimCord's tests post no files"
        try:
            body = await self.client.http.request(Route(method, path), json=payload)
        except discord.HTTPException as error:
            return Response(error.status, {}, {"code": error.code, "message": error.text})
        return Response(200, {}, body)


class EngineOutside(Engine):
    """An engine whose answers are not the client's own work: SimCord waits after each event until
    the client's tasks have nothing to do, and an answer waits for its model and its person."""

    def __init__(self, model: Generator, store: MemoryStore, clock: Clock) -> None:
        delivery = Delivery(clock, store, edit_interval=0.0)
        super().__init__(model, store, delivery, clock, options())
        outside, start = copy_context(), self._running.start

        def start_outside(job: Job) -> Job:
            return outside.run(start, job)

        self._running.start = start_outside  # type: ignore[method-assign]


@dataclass
class Stage:
    env: Env
    engine: Engine
    client: ParleyClient
    channel: simcord.ChannelHandle
    ana: simcord.MemberActor
    mod: simcord.MemberActor

    async def answered(self) -> str:
        """Let all answers come to their end; what the channel's last message says."""
        await self.engine.finish()
        return self.last

    @property
    def last(self) -> str:
        message = self.channel.last_message
        return message.content if message else ""


@asynccontextmanager
async def stage(generator: ScriptedGenerator | None = None) -> AsyncIterator[Stage]:
    clock, wire, store = SystemClock(), SimcordWire(), MemoryStore()
    engine = EngineOutside(generator or ScriptedGenerator(), store, clock)
    with own_addresses():
        async with engine:
            writes = MessageWrites(wire, clock)
            wire.client = client = ParleyClient(engine, store, writes, Rules())
            async with simcord.run(client) as env:
                await client.tree.sync()
                guild = env.create_guild()
                may = discord.Permissions(manage_messages=True)
                mod = guild.add_member(
                    env.create_user("Mo"), roles=[guild.create_role("M", permissions=may)]
                )
                ana = guild.add_member(env.create_user("Ana"))
                yield Stage(env, engine, client, guild.create_text_channel("general"), ana, mod)


def mention(client: ParleyClient) -> str:
    assert client.user is not None
    return client.user.mention


async def test_a_mention_is_answered_and_remembered_in_the_next_turn() -> None:
    async with stage() as s:
        await s.ana.send(s.channel, f"{mention(s.client)} My name is Ana.")
        assert await s.answered() == "[Be kind.] [] Ana: My name is Ana."
        await s.ana.send(s.channel, f"{mention(s.client)} Who am I?")
        assert "[Ana: My name is Ana.]" in await s.answered()


async def test_slash_ask_is_public_and_answered_below() -> None:
    async with stage() as s:
        asked = await s.ana.slash(s.channel, "ask", question="Why?")
        assert not asked.ephemeral
        assert asked.response is not None
        assert asked.response.content == "> Why?"
        assert await s.answered() == "[Be kind.] [] Ana: Why?"


async def test_refusals_are_for_the_persons_eyes_only() -> None:
    async with stage() as s:
        refused = await s.ana.slash(s.channel, "reset")
        assert refused.ephemeral
        assert refused.response is not None
        assert "Only an admin" in refused.response.content
        done = await s.mod.slash(s.channel, "reset")
        assert done.response is not None
        assert "Conversation restarted" in done.response.content


async def test_the_stop_button_is_the_askers() -> None:
    model = TextGenerator("one two three", paced=True)
    async with stage(model) as s:
        await s.ana.send(s.channel, f"{mention(s.client)} Count.")
        model.let(1)
        await until(lambda: s.last.startswith("one"))
        answer = s.channel.last_message
        assert answer is not None
        (row,) = answer.components
        assert isinstance(row, discord.ActionRow)
        custom_id = row.children[0].custom_id
        ben = s.env.guild.add_member(s.env.create_user("Ben"))
        refused = await ben.click(answer, custom_id=custom_id)
        assert "Only who asked" in refused.followups[0].content
        await s.ana.click(answer, custom_id=custom_id)
        assert await s.answered() == "one\n-# Stopped."
        assert model.steps == 1


async def test_the_system_prompt_is_typed_in_a_window() -> None:
    async with stage() as s:
        opened = await s.mod.slash(s.channel, "system")
        assert opened.modal is not None
        (row,) = opened.modal["components"]
        field = row["components"][0]["custom_id"]
        await s.mod.submit_modal(opened, {field: "Be a pirate."})
        await s.ana.send(s.channel, f"{mention(s.client)} Who?")
        assert (await s.answered()).startswith("[Be a pirate.]")


async def test_where_discord_forbids_writing_the_person_hears_of_it() -> None:
    async with stage() as s:
        me = s.env.guild.me
        assert me is not None
        denied: Any = {me: discord.PermissionOverwrite(send_messages=False)}
        closed = s.env.guild.create_text_channel("closed", overwrites=denied)
        await s.ana.send(closed, f"{mention(s.client)} Hello?")
        told = s.ana.user.dm_channel.last_message
        assert told is not None
        assert told.content.startswith("I may not write in")


async def test_a_message_by_another_bot_is_ignored() -> None:
    async with stage() as s:
        bot = s.env.guild.add_member(s.env.create_user("Beep", bot=True))
        await bot.send(s.channel, f"{mention(s.client)} Hello?")
        assert "Hello?" in await s.answered()
