"""Slack as the desk needs it: where answers are shown, threads, and typed commands."""

from adapters.common.desk import Desk
from adapters.common.place import Place
from adapters.common.question import Message
from adapters.common.text_commands import is_text_command, obey_text
from adapters.slack.agent_view import set_title, title_of
from adapters.slack.direct import SlackDirect
from adapters.slack.surface import SlackSurface
from adapters.slack.transcripts import SlackTranscripts
from adapters.slack.workspaces import Workspaces
from bot.messages import Person, Question
from bot.ports import StoredAnswer

USAGE = """\
**Ask me** with `/ask`, by mentioning me, in a direct message, or in a thread that I am in. A \
thread is a conversation of its own. In the thread below your own question I need no mention, as \
long as nobody else writes there.
**Stop** an answer with its button, `/stop` (`/stop all`), or `@parley stop`; **restart** the \
conversation with `/reset` or `@parley reset`.
**Catch up:** `/parley summarize` sums up what was said since your last message, \
`/parley summarize 2h` in the last two hours; only you see it.
**More:** `/parley status`, `/parley privacy`, `/parley export me`, `/parley forget me`.
**Admins:** `/parley settings temperature=0.7 length=300 names=on reasoning=low`, \
`/parley system`, `/parley system default`, `/parley model`, `/parley mute`, `/parley unmute`, \
`/parley stats`. They apply to this conversation; in a thread say `@parley /parley …`. In a \
system prompt `{date}`, `{weekday}`, `{server}`, `{channel}`, `{topic}` and `{bot}` are filled \
in."""


class SlackPlatform:
    """`adapters.common.platform.Platform`."""

    reset_command = "`/reset`"
    forget_command = "`/parley forget me`"
    export_command = "`/parley export me`"

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces
        self.transcripts = SlackTranscripts(workspaces)
        self.desk: Desk | None = None
        """Does what typed commands say; set once both exist."""

    async def command(self, place: Place, person: Person, text: str) -> str | None:
        if self.desk is None or not is_text_command(text):
            return None
        return lines(await obey_text(self.desk, place, person, text, USAGE))

    async def direct(self, person: Person) -> SlackDirect | None:
        key, _, user = person.id.rpartition(".")
        workspace = await self._workspaces.by_key(key)
        return SlackDirect(workspace, user) if workspace is not None else None

    async def surface(self, question: Question) -> SlackSurface | None:
        surface = await self._surface(question)
        if surface is not None:
            await self._name_chat(question)
        return surface

    async def _name_chat(self, question: Question) -> None:
        """Name a chat of ``assistant_view`` by the first question in it."""
        place = question.conversation
        workspace = await self._workspaces.by_key(place.workspace)
        chat = (place.channel, place.thread)
        if workspace is not None and chat in workspace.threads.chats:
            workspace.threads.chats.drop(chat)
            await set_title(workspace, *chat, question.text)

    async def find(self, answer: StoredAnswer) -> SlackSurface | None:
        """A `bot.ports.SurfaceFinder` for answers of an earlier run: None where the app is not
        installed any more."""
        return await self._surface(answer.question)

    async def _surface(self, question: Question) -> SlackSurface | None:
        workspace = await self._workspaces.by_key(question.conversation.workspace)
        if workspace is None:
            return None
        user = question.author.id.rpartition(".")[2]
        opens = question.direct and question.conversation.thread == question.message_id
        return SlackSurface(
            workspace,
            question.shown_at,
            asker=user,
            seed=question.message_id,
            title=title_of(question.text) if opens and question.message_id else "",
        )

    async def open_thread(self, place: Place, message: Message) -> Place:
        """A thread needs no opening: its first message makes it."""
        return place.thread(message.message_id)


def lines(text: str) -> str:
    """`text` as Markdown that keeps its lines apart."""
    return text.replace("\n", "  \n")
