"""What people do in Slack: say, mention, edit, delete, use commands, press buttons."""

from typing import Any

from tests.slack_loopback.server import Envelope, LoopbackSlack
from tests.slack_loopback.state import JSON, File, Message, Team


class Someone:
    """A person in a team. Every method returns when the app has acknowledged what it caused."""

    def __init__(
        self, slack: LoopbackSlack, user: str, name: str, team: Team | None = None, **flags: Any
    ) -> None:
        self.slack = slack
        self.team = team or slack.team
        self.id = user
        self.team.user(user, name, **flags)

    # ---------------------------------------------------------------- messages

    async def say(
        self,
        channel: str,
        text: str,
        *,
        thread: str = "",
        files: list[File] | None = None,
        twice: bool = False,
        ago: float = 0.0,
        attachments: list[JSON] | None = None,
        as_app: JSON | None = None,
    ) -> Message:
        """Post a message, `ago` seconds before now. A mention of the bot fires app_mention beside
        the message event, and `twice` delivers each of them again. `as_app`: the fields by which an
        app's message differs."""
        message = self.post(channel, text, thread=thread, ago=ago)
        message.files = [self._file(file) for file in files or []]
        message.attachments = attachments or []
        message.bot_id = (as_app or {}).get("bot_id", "")
        event = {**self.event_of(message), **(as_app or {})}
        events = [event]
        if f"<@{self.team.bot_user}>" in text and event["channel_type"] != "im":
            events.insert(0, {**event, "type": "app_mention"})
        for one in events:
            envelope = await self._deliver(one)
            if twice:
                await self.slack.redeliver(envelope)
        return message

    def share_of(self, message: Message, *, link: bool = False) -> JSON:
        """The copy of a message in the attachments of one that shares it, or that links to it, as
        Slack's clients and unfurls make it."""
        team, author = self.team, message.user
        name = team.users[author]["profile"]["display_name"] if author in team.users else author
        url = self.permalink(message)
        return {
            "id": 1,
            "is_share" if not link else "is_msg_unfurl": True,
            "from_url": url,
            "original_url": url,
            "ts": message.ts,
            "author_id": author,
            "author_name": name,
            "author_subname": name,
            "channel_id": message.channel,
            "channel_team": team.id,
            "text": message.text,
            "fallback": f"[a day] {name}: {message.text}",
            "mrkdwn_in": ["text"],
            "message_blocks": [
                {"team": team.id, "channel": message.channel, "ts": message.ts, "message": {}}
            ],
            "files": message.files,
            "footer": "Slack Conversation",
        }

    @staticmethod
    def permalink(message: Message) -> str:
        return (
            f"https://loopback.slack.com/archives/{message.channel}/p{message.ts.replace('.', '')}"
        )

    async def unfurl(self, message: Message, linked: Message) -> None:
        """Slack adds the copy of a message to one that links to it."""
        before = message.payload()
        message.attachments = [self.share_of(linked, link=True)]
        changed = message.payload()
        await self._changed(message, "message_changed", message=changed, previous_message=before)

    def post(self, channel: str, text: str, *, thread: str = "", ago: float = 0.0) -> Message:
        """Post a message that the app is not told of."""
        message = Message(self.team.next_ts(ago), channel, self.id, text=text, thread_ts=thread)
        self.team.messages[channel, message.ts] = message
        return message

    async def mention(self, channel: str, text: str, **options: Any) -> Message:
        """Post a message that begins with the mention of the bot."""
        return await self.say(channel, f"<@{self.team.bot_user}> {text}", **options)

    async def edit(self, message: Message, text: str) -> None:
        before = message.payload()
        message.text, message.edited = text, self.team.next_ts()
        changed = message.payload()
        await self._changed(message, "message_changed", message=changed, previous_message=before)

    async def delete(self, message: Message) -> None:
        """Delete one's own message, or as an admin any. One with a thread leaves a tombstone."""
        message.deleted = True
        before = message.payload()
        if self.team.visible(message.channel, message.ts):
            tombstone = {**before, "subtype": "tombstone", "user": "USLACKBOT", "hidden": True}
            tombstone |= {"text": "This message was deleted.", "thread_ts": message.ts}
            await self._changed(
                message, "message_changed", message=tombstone, previous_message=before
            )
            return
        await self._changed(
            message, "message_deleted", deleted_ts=message.ts, previous_message=before
        )

    async def _changed(self, changed: Message, subtype: str, **fields: Any) -> None:
        event = {
            "type": "message",
            "subtype": subtype,
            "channel": changed.channel,
            "channel_type": self._kind(changed.channel),
            "hidden": True,
            "ts": self.team.next_ts(),
            "event_ts": self.team.next_ts(),
            **fields,
        }
        await self._deliver(event)

    def event_of(self, message: Message) -> JSON:
        """The event of a posted message."""
        event = {
            **message.payload(),
            "channel": message.channel,
            "channel_type": self._kind(message.channel),
            "event_ts": message.ts,
            "team": self.team.id,
        }
        if message.files:
            event["subtype"] = "file_share"
        first = self.team.messages.get((message.channel, message.thread_ts))
        if message.thread_ts and first is not None:
            event["parent_user_id"] = first.user
        return event

    def _file(self, file: File) -> JSON:
        self.team.files[file.id] = file
        url = f"{self.slack.origin}/files/{self.team.id}/{file.id}"
        return {
            "id": file.id,
            "name": file.name,
            "mimetype": file.mimetype,
            "size": len(file.content),
            "mode": "hosted",
            "url_private": url,
            "url_private_download": url,
        }

    def _kind(self, channel: str) -> str:
        kind = self.team.channels[channel].kind
        return "channel" if kind == "channel" else kind

    async def _deliver(self, event: JSON) -> Envelope:
        return await self.slack.send("events_api", self.event_payload(event))

    def event_payload(self, event: JSON) -> JSON:
        """An event in what the Events API wraps around it. The authorization of an installation in
        a whole organisation names no workspace (https://docs.slack.dev/enterprise)."""
        return {
            "token": "legacy",
            "team_id": self.team.id,
            "enterprise_id": self.team.organisation or None,
            "api_app_id": "A1",
            "type": "event_callback",
            "event_id": f"Ev{self.team.next_ts()}",
            "event_time": 1,
            "event": event,
            "authorizations": [
                {
                    "enterprise_id": self.team.organisation or None,
                    "team_id": None if self.team.organisation else self.team.id,
                    "user_id": self.team.bot_user,
                    "is_bot": True,
                    "is_enterprise_install": bool(self.team.organisation),
                }
            ],
        }

    # ---------------------------------------------------------------- commands, buttons, the app

    async def command(self, command: str, text: str, channel: str) -> "Used":
        """Use a slash command."""
        payload = {
            "token": "legacy",
            "command": command,
            "text": text,
            "team_id": self.team.id,
            "team_domain": "loopback",
            "channel_id": channel,
            "channel_name": channel.lower(),
            "user_id": self.id,
            "user_name": self.id.lower(),
            "api_app_id": "A1",
            "trigger_id": self.team.trigger(),
            "response_url": self.slack.response_url(),
        }
        if self.team.organisation:
            payload |= {"enterprise_id": self.team.organisation, "is_enterprise_install": "true"}
        return Used(self.slack, await self.slack.send("slash_commands", payload))

    async def press(self, message: Message, label: str) -> "Used":
        """Press the button with this label, or give the feedback with it."""
        element, action = _find(message, label)
        return await self._pressed(message, {**action, "action_id": element["action_id"]})

    async def press_forged(self, channel: str, action: JSON) -> "Used":
        """Press a button that does `action`, below a message of the bot in `channel` that shows
        nothing else. Slack delivers such a press only for a message that the app posted itself."""
        team = self.team
        message = Message(team.next_ts(), channel, team.bot_user, team.bot_id)
        return await self._pressed(message, action)

    async def choose(self, used: "Used", value: str) -> "Used":
        """Choose an option of the menu in the message that only this person was shown."""
        posted = self.slack.bodies(used.envelope.payload["response_url"])[-1]
        (menu,) = [e for b in posted["blocks"] if b["type"] == "actions" for e in b["elements"]]
        (option,) = [each for each in menu["options"] if each["value"] == value]
        payload = {
            "type": "block_actions",
            "user": {"id": self.id, "team_id": self.team.id},
            "api_app_id": "A1",
            "token": "legacy",
            "container": {
                "type": "message",
                "message_ts": self.team.next_ts(),
                "channel_id": used.envelope.payload["channel_id"],
                "is_ephemeral": True,
            },
            "trigger_id": self.team.trigger(),
            **self._interaction_origin(),
            "channel": {"id": used.envelope.payload["channel_id"], "name": "a-channel"},
            "response_url": self.slack.response_url(),
            "actions": [
                {
                    "type": menu["type"],
                    "action_id": menu["action_id"],
                    "block_id": "b",
                    "selected_option": option,
                }
            ],
        }
        return Used(self.slack, await self.slack.send("interactive", payload))

    async def _pressed(self, message: Message, action: JSON) -> "Used":
        container: JSON = {"type": "message", "message_ts": message.ts}
        container["channel_id"] = message.channel
        shown = message.payload()
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        payload = {
            "type": "block_actions",
            "user": {"id": self.id, "team_id": self.team.id},
            "api_app_id": "A1",
            "token": "legacy",
            "container": container,
            "trigger_id": self.team.trigger(),
            **self._interaction_origin(),
            "channel": {"id": message.channel, "name": message.channel.lower()},
            "message": shown,
            "response_url": self.slack.response_url(),
            "actions": [{**action, "block_id": "b"}],
        }
        return Used(self.slack, await self.slack.send("interactive", payload))

    async def stop_natively(self, message: Message) -> None:
        """Press the stop button that Slack itself shows beside a stream."""
        message.stopped_by_user, message.streaming = True, False
        event = {
            "type": "agent_session_stopped",
            "channel": message.channel,
            "thread_ts": message.thread_ts,
            "user": self.id,
            "streaming_message_ts": [message.ts],
            "event_ts": self.team.next_ts(),
        }
        await self._deliver(event)

    async def stop_session(self, channel: str, thread: str) -> None:
        """Press the stop button that Slack shows while a session has the status "processing",
        where nothing is streamed."""
        assert self.team.sessions[channel, thread] == "processing"
        event = {
            "type": "agent_session_stopped",
            "channel": channel,
            "thread_ts": thread,
            "user": self.id,
            "streaming_message_ts": [],
            "event_ts": self.team.next_ts(),
        }
        await self._deliver(event)

    async def open_app(self, channel: str, tab: str = "messages") -> None:
        """Open a tab of the app."""
        event = {"type": "app_home_opened", "user": self.id, "channel": channel, "tab": tab}
        await self._deliver({**event, "event_ts": self.team.next_ts()})

    async def look_at(self, channel: str) -> None:
        """Look at a channel while the agent view is open."""
        entities = [{"type": "slack#/types/channel_id", "value": channel, "team_id": self.team.id}]
        event = {"type": "app_context_changed", "context": {"entities": entities}}
        await self._deliver({**event, "user": self.id, "event_ts": self.team.next_ts()})

    async def open_chat(self, direct: str, *, again_at: str = "") -> str:
        """Open a chat of ``assistant_view``, whose first message is Slack's; its thread.
        `again_at`: look at something else while this thread is open."""
        thread = again_at or self.team.next_ts()
        if not again_at:
            first = Message(thread, direct, self.id, text="New chat", thread_ts=thread)
            self.team.messages[direct, thread] = first
        event = {
            "type": f"assistant_thread_{'context_changed' if again_at else 'started'}",
            "assistant_thread": {
                "user_id": self.id,
                "context": {"channel_id": "C1", "team_id": self.team.id, "enterprise_id": None},
                "channel_id": direct,
                "thread_ts": thread,
            },
            "event_ts": self.team.next_ts(),
        }
        await self._deliver(event)
        return thread

    async def use_shortcut(self, callback_id: str, message: Message) -> "Used":
        """Use a shortcut from the menu of a message
        (https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload)."""
        payload = {
            "type": "message_action",
            "token": "legacy",
            "action_ts": self.team.next_ts(),
            **self._interaction_origin(),
            "user": {"id": self.id, "team_id": self.team.id},
            "channel": {"id": message.channel, "name": message.channel.lower()},
            "callback_id": callback_id,
            "trigger_id": self.team.trigger(),
            "message_ts": message.ts,
            "message": message.payload(),
            "response_url": self.slack.response_url(),
        }
        return Used(self.slack, await self.slack.send("interactive", payload))

    async def submit(self, view: JSON, values: JSON) -> "Used":
        """Submit a modal with these state values."""
        payload = {
            "type": "view_submission",
            **self._interaction_origin(),
            "user": {"id": self.id, "team_id": self.team.id},
            "api_app_id": "A1",
            "token": "legacy",
            "trigger_id": self.team.trigger(),
            "view": {**view, "state": {"values": values}},
        }
        return Used(self.slack, await self.slack.send("interactive", payload))

    def _interaction_origin(self) -> JSON:
        """The workspace of a button or a dialog: where the app is installed in a whole
        organisation, ``team`` may be null."""
        if not self.team.organisation:
            return {"team": {"id": self.team.id, "domain": "loopback"}, "enterprise": None}
        return {
            "team": None,
            "enterprise": {"id": self.team.organisation, "name": "Loopback"},
            "is_enterprise_install": True,
        }


class Used:
    """A command or a button that was used."""

    def __init__(self, slack: LoopbackSlack, envelope: Envelope) -> None:
        self.envelope = envelope
        self._slack = slack

    @property
    def told(self) -> list[str]:
        """What only the person was told, in the acknowledgement or through the response URL."""
        ack = (self.envelope.ack or {}).get("text")
        url = self.envelope.payload.get("response_url", "")
        return [*([str(ack)] if ack else []), *(self._slack.responded(url) if url else [])]


def _find(message: Message, label: str) -> tuple[JSON, JSON]:
    for element in message.elements():
        if element["type"] == "button" and element["text"]["text"] == label:
            return element, {"type": "button", "value": element["value"]}
        if element["type"] == "feedback_buttons":
            for side in ("positive_button", "negative_button"):
                if element[side]["text"]["text"] == label:
                    return element, {"type": "feedback_buttons", "value": element[side]["value"]}
    raise AssertionError(f"no button {label!r} on {message.shown!r}")
