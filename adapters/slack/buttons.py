"""Buttons under answers, the feedback, Slack's own stop button, and the opening of the app."""

import logging
from collections.abc import Mapping
from typing import Any

from adapters.slack.desk import Desk
from adapters.slack.manifest import PROMPTS
from adapters.slack.places import Place
from adapters.slack.private_replies import Teller
from adapters.slack.rendering import Action
from adapters.slack.workspaces import Workspace
from bot.errors import NothingToDo, SurfaceError
from bot.messages import Person
from bot.ports import StoredAnswer

logger = logging.getLogger(__name__)

JSON = Mapping[str, Any]


class Buttons:
    """Handles them. Each returns at once; the work goes on beside."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def pressed(self, workspace: Workspace, body: JSON, action: JSON) -> None:
        """A button of ours was pressed. It says what it does and to which answer by itself, so it
        works after a restart; the rights are the engine's to check."""
        container, user = body.get("container") or {}, str(body["user"]["id"])
        channel, ts = str(container.get("channel_id", "")), str(container.get("message_ts", ""))
        place = Place.of_message(workspace.key, channel, ts, str(container.get("thread_ts") or ""))
        teller = Teller(workspace, place, user, str(body.get("response_url", "")))

        async def do() -> None:
            person = await self._desk.person(workspace, place, user)
            await self._do(Action(str(action["action_id"])), str(action["value"]), place, person)

        self._desk.begin(teller, do)

    async def _do(self, action: Action, value: str, place: Place, person: Person) -> None:
        number, _, verdict = value.partition(" ")
        answer = await self._answer(int(number), place)
        engine = self._desk.engine
        if action is Action.RATE:
            await engine.rate(answer.id, person, 1 if int(verdict) > 0 else -1)
        elif action is Action.STOP:
            await engine.stop(answer.question.conversation, person, answer_id=answer.id)
        else:
            surface = await self._desk.find(answer)
            if surface is None:
                raise NothingToDo("There is no such answer any more.")
            again = engine.continue_ if action is Action.CONTINUE else engine.regenerate
            self._desk.watch(await again(person, surface, answer_id=answer.id))

    async def _answer(self, answer_id: int, place: Place) -> StoredAnswer:
        """The answer, if it is one of this channel."""
        for answer in await self._desk.store.answers(answer_id=answer_id, limit=1):
            asked_in = answer.question.conversation
            if (asked_in.workspace, asked_in.channel) == (place.workspace, place.channel):
                return answer
        raise NothingToDo("There is no such answer any more.")

    # ------------------------------------------------------------ Slack's own

    def stopped(self, workspace: Workspace, event: JSON) -> None:
        """Somebody pressed the stop button that Slack shows beside a stream. Slack has stopped the
        stream already; where the person may not stop the answer, it goes on as edits."""
        user, thread = str(event["user"]), str(event.get("thread_ts") or "")
        place = Place(workspace.key, str(event["channel"]), thread)
        teller = Teller(workspace, place, user)

        async def stop() -> None:
            person = await self._desk.person(workspace, place, user)
            await self._desk.stop(place, person)

        self._desk.begin(teller, stop)

    def opened(self, workspace: Workspace, event: JSON) -> None:
        """Somebody opened the app: suggest what to ask."""
        if event.get("tab") != "messages":
            return
        channel = str(event["channel"])
        teller = Teller(workspace, Place(workspace.key, channel), str(event["user"]))

        async def suggest() -> None:
            try:
                await workspace.gateway.call(
                    "assistant.threads.setSuggestedPrompts",
                    channel_id=channel,
                    title="Ask me something",
                    prompts=list(PROMPTS),
                )
            except SurfaceError as error:  # a decoration
                logger.info("prompts cannot be suggested: %s", error)

        self._desk.begin(teller, suggest)
