"""`parley chat`: reads questions and commands line by line and answers on a screen or a pipe."""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING
from uuid import uuid4

from adapters.common.desk import Desk
from adapters.common.place import Place
from adapters.common.question import Message
from adapters.common.rules import Rules
from adapters.common.since import parse_since
from adapters.common.text_commands import typed_changes
from adapters.console.export import write_export
from adapters.console.report import context_text, earlier_text, outcome_text
from adapters.console.slash import ends_chat, help_text, parse
from adapters.console.summary import summarize_conversation
from bot.engine import Engine
from bot.engine.job import Job
from bot.errors import ParleyError
from bot.messages import ConversationKey, Person, Question
from bot.ports import PlaceNames, Store, StoredAnswer, Surface, SurfaceFinder

if TYPE_CHECKING:
    # slow to import, and `parley ask` needs neither
    from adapters.console.lines import Lines
    from adapters.console.screen import Screen

MOST_EARLIER = 99
"""Earlier exchanges that are counted at the start and offered by the up arrow."""


class ConsolePlatform:
    """`adapters.common.platform.Platform`, as far as a terminal needs it: `Chat` itself parses what
    is typed and shows the answers."""

    reset_command = "/reset"
    forget_command = "“parley history forget”"
    export_command = "/export"
    transcripts = None

    async def surface(self, question: Question) -> None:
        """None: `Chat` asks the engine with a surface of its screen."""

    async def open_thread(self, place: Place, message: Message) -> Place:
        """`place`: a terminal has no threads."""
        del message
        return place

    async def direct(self, person: Person) -> None:
        """None: a terminal has no direct messages."""

    async def command(self, place: Place, person: Person, text: str) -> None:
        """None: `Chat` parses commands before."""


class Chat:
    """A chat in one conversation. The caller holds the conversation's lock: no other process has it
    open."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        screen: "Screen",
        conversation: ConversationKey,
        person: Person,
    ) -> None:
        self._engine = engine
        self._store = store
        self._screen = screen
        self._conversation = conversation
        self._place = Place(conversation, direct=True)
        self._person = person
        self._desk = Desk(engine, store, ConsolePlatform(), Rules())
        engine.variables.register(conversation.platform, place_names)
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "reset": self._reset,
            "stop": self._stop,
            "regenerate": self._regenerate,
            "continue": self._continue,
            "system": self._system,
            "settings": self._settings,
            "model": self._model,
            "context": self._context,
            "export": self._export,
            "summarize": self._summarize,
            "status": self._status,
            "stats": self._stats,
            "help": self._help,
        }
        self._jobs: tuple[Job, ...] = ()
        self._interrupted = False
        self.failed = False
        """Set once an answer failed, or a question or command was refused."""

    async def earlier_questions(self) -> list[str]:
        """The newest questions of this conversation, at most `MOST_EARLIER` + 1, oldest first."""
        newest = await self._store.answers(conversation=self._conversation, limit=MOST_EARLIER + 1)
        return [answer.question.text for answer in reversed(newest)]

    async def run(self, lines: "Lines", *, resume: bool) -> None:
        """Answer `lines` until they end or one of `EXIT_LINES` comes. With `resume`, answers that
        an earlier run left unfinished are completed first; otherwise they are shown as they are
        and marked as interrupted. A refusal or failure is shown, and the chat continues."""
        model = self._engine.status.model
        self._screen.greet(model)
        if number := len(await self.earlier_questions()):
            self._screen.note(earlier_text(number, MOST_EARLIER))
        self._screen.space()
        with lines.interruptible(self._interrupt):
            await self._recover(resume=resume)
        show = self._screen.note
        while (line := await lines.read()) is not None:
            if ends_chat(line):
                show = self._screen.say
                break
            if line.strip():
                self._screen.space()
                with lines.interruptible(self._interrupt):
                    await self._respond(line)
                self._screen.space()
        show(f"Stream Chat with {model.name} stopped.")

    def _interrupt(self) -> None:
        """Ctrl-C: stop the answers that are being written. Their text stays, the chat continues."""
        self._interrupted = True
        for job in self._jobs:
            job.stop()
        self._engine.summaries.stop(person=self._person.key)

    async def _respond(self, line: str) -> None:
        try:
            if command := parse(line):
                name, argument = command
                await self._commands[name](argument)
            else:
                await self._ask(line.strip())
        except ParleyError as error:
            self.failed = True
            self._screen.warn(str(error))

    # ---------------------------------------------------------------- answers

    async def _ask(self, text: str) -> None:
        question = Question(
            self._conversation, self._person, text, event_id=uuid4().hex, direct=True
        )
        with closing(self._screen.surface()) as surface:
            job = await self._engine.ask(question, surface)
            assert job is not None, "the event id is new"
            await self._watch(job)

    async def _recover(self, *, resume: bool) -> None:
        """Show, and with `resume` complete, what an earlier run left unfinished."""
        with ExitStack() as surfaces:

            async def find(answer: StoredAnswer) -> Surface:
                heading = f"> {answer.question.text}\n"
                return surfaces.enter_context(closing(self._screen.surface(heading=heading)))

            jobs = await self._engine.recover(
                self._conversation.platform, find, resume=resume, conversation=self._conversation
            )
            await self._watch(*jobs)

    async def _regenerate(self, _: str) -> None:
        newest = await self._newest()
        heading = f"> {newest.question.text}\n" if newest else ""
        with closing(self._screen.surface(heading=heading)) as surface:
            await self._watch(
                await self._engine.regenerate(self._conversation, self._person, _finder_of(surface))
            )

    async def _continue(self, _: str) -> None:
        newest = await self._newest()
        with closing(self._screen.surface(shown=newest.text if newest else "")) as surface:
            await self._watch(
                await self._engine.continue_(self._conversation, self._person, _finder_of(surface))
            )

    async def _newest(self) -> StoredAnswer | None:
        found = await self._store.answers(conversation=self._conversation, limit=1)
        return found[0] if found else None

    async def _watch(self, *jobs: Job) -> None:
        """Wait until these answers have ended, and show how."""
        self._jobs = jobs
        if self._interrupted:  # Ctrl-C came while the question was recorded
            self._interrupt()
        for job in jobs:
            outcome = await job.ended()
            if outcome.error is not None:
                self.failed = True
                self._screen.warn(str(outcome.error))
            if text := outcome_text(outcome):
                self._screen.note(text)
        self._jobs, self._interrupted = (), False

    # ---------------------------------------------------------------- commands

    async def _reset(self, _: str) -> None:
        self._screen.say(await self._desk.reset(self._place, self._person))

    async def _stop(self, _: str) -> None:
        await self._desk.stop(self._place, self._person)

    async def _system(self, text: str) -> None:
        if text:
            new = "" if text.lower() == "default" else text
            said = await self._desk.set_system_prompt(self._place, self._person, new)
            self._screen.say(said)
            return
        packed = await self._engine.context(self._conversation)
        self._screen.say(f"System prompt: {packed.prompt.system or 'none'}")

    async def _settings(self, text: str) -> None:
        changes = typed_changes(text)
        self._screen.say(await self._desk.settings(self._place, self._person, changes))

    async def _model(self, name: str) -> None:
        self._screen.say(await self._desk.model(self._place, self._person, name))

    async def _context(self, _: str) -> None:
        packed = await self._engine.context(self._conversation)
        self._screen.say(context_text(packed))

    async def _export(self, name: str) -> None:
        file = await write_export(self._store, self._person.key, name)
        self._screen.say(f"All that is stored of you is in {file} now.")

    async def _summarize(self, text: str) -> None:
        summary = await summarize_conversation(
            self._engine, self._store, self._conversation, self._person, parse_since(text)
        )
        self._interrupted = False
        self.failed = self.failed or summary.failed
        show = self._screen.warn if summary.failed else self._screen.say
        show(summary.text)
        if summary.note:
            self._screen.note(summary.note)

    async def _status(self, _: str) -> None:
        self._screen.say(self._desk.status())

    async def _stats(self, _: str) -> None:
        self._screen.say(await self._desk.stats(self._place, self._person))

    async def _help(self, _: str) -> None:
        self._screen.say(help_text())


async def place_names(conversation: ConversationKey) -> PlaceNames:
    """A `bot.ports.PlaceNamesFinder`: a terminal is no place with a name."""
    del conversation
    return PlaceNames(direct=True)


def _finder_of(surface: Surface) -> SurfaceFinder:
    """A finder that returns `surface` for every answer."""

    async def find(answer: StoredAnswer) -> Surface:
        del answer
        return surface

    return find
