"""What ``/parley …`` does, and ``@parley /parley …`` in threads, where Slack allows no commands."""

import re

from adapters.common.texts import (
    ControlWord,
    forgotten_text,
    muted_text,
    privacy_text,
    settings_text,
    status_text,
    with_changes,
    with_system_prompt,
)
from adapters.slack.desk import Desk
from adapters.slack.places import Place
from adapters.slack.private_replies import Teller
from bot.errors import NotAllowed, NotUnderstood
from bot.messages import Person
from bot.ports import ConversationSettings

HELP = """\
**Ask me** with `/ask`, by mentioning me, in a direct message, or in a thread that I am in. A \
thread is a conversation of its own.
**Stop** an answer with its button, `/stop` (`/stop all`), or `@parley stop`; **start afresh** \
with `/reset` or `@parley reset`.
**More:** `/parley status`, `/parley privacy`, `/parley forget me`.
**Admins:** `/parley settings temperature=0.7 length=300 names=on`, `/parley system`, \
`/parley system default`, `/parley mute`, `/parley unmute`. They apply to this conversation; \
in a thread say `@parley /parley …`."""

_SETTING = re.compile(r"(\w+)\s*=\s*(\S+)")


def is_sub_command(text: str) -> bool:
    """Whether a message (without the mention of the bot) is such a command."""
    return re.match(r"/parley\b", text.strip(), re.IGNORECASE) is not None


class SubCommands:
    """Does them. Every right is checked by the engine."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def do(self, text: str, place: Place, person: Person, teller: Teller) -> None:
        """Do what `text` says, ``/parley`` in front or not, and tell the person. Raises Refusal."""
        words = re.sub(r"^\s*/parley\b", "", text, flags=re.IGNORECASE).strip()
        verb, _, rest = words.partition(" ")
        await teller.tell(await self._done(verb.lower(), rest.strip(), place, person))

    async def _done(self, verb: str, rest: str, place: Place, person: Person) -> str:
        engine = self._desk.engine
        match verb:
            case "" | "help":
                return HELP
            case "status":
                return _lines(status_text(engine.status))
            case "privacy":
                text = privacy_text(self._desk.rules.retention_days)
                return text.replace("`/forget me`", "`/parley forget me`")
            case "forget":
                return await self._forget(rest, person)
            case "settings":
                return await self._settings(rest, place, person)
            case "system":
                return await self._system(rest, place, person)
            case "mute" | "unmute":
                return await self._mute(place, person, muted=verb == "mute")
            case "stop" | "reset":
                return await self._desk.obey(ControlWord(verb), place, person)
        raise NotUnderstood("I know no such command. `/parley help` lists them.")

    async def _forget(self, rest: str, person: Person) -> str:
        if rest.lower() != "me":
            raise NotUnderstood("`/parley forget me` deletes all that you ever asked, for good.")
        return forgotten_text(await self._desk.engine.forget(person))

    async def _settings(self, rest: str, place: Place, person: Person) -> str:
        engine = self._desk.engine
        settings = await engine.settings(place.key)
        if rest:
            changed = with_changes(settings, **_changes(rest))
            await engine.change_settings(place.key, person, changed)
            settings = changed
        return _lines(settings_text(settings))

    async def _system(self, rest: str, place: Place, person: Person) -> str:
        """Without a text it is shown, to admins."""
        settings = await self._desk.engine.settings(place.key)
        if not rest:
            if not person.admin:
                raise NotAllowed("Only an admin can see the system prompt of this conversation.")
            return f"System prompt:\n{settings.system_prompt or 'default'}"
        return await self.set_system_prompt("" if rest == "default" else rest, place, person)

    async def set_system_prompt(self, text: str, place: Place, person: Person) -> str:
        """Set it and say so; "" takes it back to the configuration's. Raises Refusal."""
        settings = with_system_prompt(await self._desk.engine.settings(place.key), text)
        await self._desk.engine.change_settings(place.key, person, settings)
        return "The system prompt is set." if settings.system_prompt else "The default is back."

    async def _mute(self, place: Place, person: Person, *, muted: bool) -> str:
        engine = self._desk.engine
        now = await engine.settings(place.key)
        changed = ConversationSettings(
            now.system_prompt, now.temperature, now.max_new_tokens, now.show_names, muted
        )
        await engine.change_settings(place.key, person, changed)
        return muted_text(muted=muted)


def _changes(text: str) -> dict[str, str]:
    """What ``temperature=0.7 names=on`` says. Raises NotUnderstood for anything else."""
    changes = {name.lower(): value for name, value in _SETTING.findall(text)}
    if not changes or set(changes) - {"temperature", "length", "names"}:
        raise NotUnderstood(
            "The settings are temperature, length and names: "
            "`/parley settings temperature=0.7 length=300 names=on`."
        )
    return changes


def _lines(text: str) -> str:
    """Lines that Markdown keeps apart."""
    return text.replace("\n", "  \n")
