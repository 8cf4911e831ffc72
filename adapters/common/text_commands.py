"""Commands typed as text: what comes after ``/parley``, in a command or in a message.

Slack allows no slash commands in threads; there people write ``@parley /parley status``.
"""

import re

from adapters.common.desk import Desk
from adapters.common.place import Place
from adapters.common.summaries import Private
from adapters.common.texts import system_prompt_text
from bot.errors import NotUnderstood
from bot.messages import Person

EVERYONE = ("all", "everyone")
"""What follows "stop" where an admin stops everybody's answers."""
_SETTING = re.compile(r"(\w+)\s*=\s*(\S+)")


def is_text_command(text: str) -> bool:
    """Whether a message (without the mention of the bot) is such a command."""
    return re.match(r"/parley\b", text.strip(), re.IGNORECASE) is not None


async def obey_text(
    desk: Desk,
    place: Place,
    person: Person,
    text: str,
    usage: str,
    private: Private | None = None,
) -> str:
    """Do what `text` says, ``/parley`` in front or not, and return a text for the person; `usage`
    explains the commands. `private` tells them what comes later. Raises Refusal."""
    words = re.sub(r"^\s*/parley\b", "", text, flags=re.IGNORECASE).strip()
    verb, _, rest = words.partition(" ")
    verb, rest = verb.lower(), rest.strip()
    match verb:
        case "" | "help":
            return usage
        case "status":
            return desk.status()
        case "stats":
            return await desk.stats(place, person)
        case "privacy":
            return desk.privacy()
        case "forget" if rest.lower() == "me":
            return await desk.forget(person)
        case "forget":
            raise NotUnderstood("`/parley forget me` deletes all that you ever asked, for good.")
        case "export" if rest.lower() == "me":
            return await desk.export(person)
        case "export":
            raise NotUnderstood("`/parley export me` sends you all that is stored of you.")
        case "summarize" | "summarise":
            return await desk.summarize_typed(place, person, rest, private)
        case "settings":
            return await desk.settings(place, person, typed_changes(rest))
        case "system" if rest:
            default = rest.lower() == "default"
            return await desk.set_system_prompt(place, person, "" if default else rest)
        case "system":
            return system_prompt_text(await desk.system_prompt(place, person))
        case "model":
            return await desk.model(place, person, rest)
        case "mute" | "unmute":
            return await desk.mute(place, person, muted=verb == "mute")
        case "stop":
            return await desk.stop(place, person, everyone=rest.lower() in EVERYONE)
        case "reset":
            return await desk.reset(place, person)
    raise NotUnderstood("I know no such command. `/parley help` lists them.")


def typed_changes(text: str) -> dict[str, str]:
    """What ``temperature=0.7 names=on`` says; {} for "". Raises NotUnderstood for anything else."""
    changes = {name.lower(): value for name, value in _SETTING.findall(text)}
    if text and not changes:
        raise NotUnderstood(
            "The settings are temperature, length, names and reasoning, such as "
            "`settings temperature=0.7 length=300 names=on reasoning=low`."
        )
    return changes
