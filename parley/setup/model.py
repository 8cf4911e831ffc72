"""The model: one that fits this machine, one that a server here has, or the demo model."""

import re
from dataclasses import dataclass
from pathlib import Path

from bot.checks import State
from bot.config import Settings
from bot.errors import ConfigError, ModelError
from bot.models.catalogue import load_catalogue
from bot.models.find import DEMO, find_model
from bot.models.kind import require_suited
from bot.models.machine import Machine
from bot.models.recommend import Recommendation, recommend
from bot.url_passwords import without_passwords
from parley.commands.model_choice import described, find_machine
from parley.commands.model_work import download
from parley.setup.answers import RECOMMENDED
from parley.setup.asking import Choice
from parley.setup.servers import FoundServer, ask_server, find_servers, usual_addresses
from parley.setup.session import Session
from parley.setup.toml_edit import Value

MODELS_SHOWN = 5
"""Models of one server that are offered; more of them can be named."""

_KEEP, _OTHER = "keep", "other"
_NOT_HERE = ("openai", "scripted")
"""Backends that run no model of this machine."""
_HOST = re.compile(r"(?:[\w-]+\.)*[\w-]+:\d{1,5}(?:/.*)?")
"""Host and port, as ``localhost:11434``; before a quantization's colon there is a slash."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What answers questions."""

    name: str = ""
    """A model on this machine: a name of the Hub, a folder, or "demo"."""
    server: str = ""
    """The address of a server."""
    server_model: str = ""

    def changes(self, settings: Settings) -> dict[tuple[str, ...], Value]:
        """What to set in the configuration file for it."""
        if self.server:
            changes: dict[tuple[str, ...], Value] = {
                ("model", "backend"): "openai",
                ("model", "openai", "base_urls"): [self.server],
            }
            if self.server_model or settings.model.openai.model:
                changes["model", "openai", "model"] = self.server_model
            return changes
        changes = {("model", "name"): self.name}
        if settings.model.backend in _NOT_HERE:
            changes["model", "backend"] = "auto"
        return changes


async def choose_model(session: Session) -> None:
    """Choose what answers, download it if need be, and save the choice. Raises ParleyError."""
    session.screen.heading("1 · The model that answers")
    answers = session.answers
    if answers.server:
        await _use_server(session, _address(answers.server), answers.server_model)
        return
    if answers.model and answers.model != RECOMMENDED:
        await _use(session, _typed(answers.model))
        return
    with session.screen.busy("Looking at this machine"):
        machine = await find_machine(session.settings)
    session.screen.say(f"This machine: {described(machine)}.")
    found = recommend(machine, load_catalogue())
    if answers.model == RECOMMENDED:
        await _use(session, Chosen(_best(found, machine)))
        return
    if answers.yes:
        await _use(session, _current(session.settings))
        return
    with session.screen.busy("Looking for model servers"):
        servers = await find_servers(usual_addresses(session.environment))
    await _ask_until_usable(session, found, servers)


def _best(found: list[Recommendation], machine: Machine) -> str:
    if not found:
        raise ModelError(
            f"No model of the catalogue fits this machine ({described(machine)}). Use --model "
            "demo, or --server with the address of a model server."
        )
    return found[0].model.name


def _current(settings: Settings) -> Chosen:
    section = settings.model
    if section.backend == "openai" and section.openai.base_urls:
        return Chosen(server=section.openai.base_urls[0], server_model=section.openai.model)
    return Chosen(section.name)


# ---------------------------------------------------------------- asking


async def _ask_until_usable(
    session: Session, found: list[Recommendation], servers: list[FoundServer]
) -> None:
    """Ask until what was chosen can be used: downloads fail, servers go away."""
    offers = _offers(session, found, servers)
    default = next(iter(offers))
    choices = [Choice(key, label) for key, (label, _) in offers.items()]
    while True:
        key = await session.asker.choose("Which one should answer?", choices, default)
        chosen = offers[key][1] or await _named(session)
        try:
            await _use(session, chosen)
            return
        except ModelError as error:
            session.screen.mark(State.FAILED, str(error))
            session.screen.say("Choose again: what was downloaded is kept, and resumed next time.")


Offers = dict[str, tuple[str, Chosen | None]]
"""By key: what it is, for people, and the choice; None asks for a name."""


def _offers(session: Session, found: list[Recommendation], servers: list[FoundServer]) -> Offers:
    """What can be chosen, the best first."""
    offers: Offers = {}
    current = None if session.is_new else _current(session.settings)
    if current is not None:
        offers[_KEEP] = (f"{_title(current)} (as it is set now)", current)
    for server in servers:
        for model in server.models[:MODELS_SHOWN]:
            chosen = Chosen(server=server.url, server_model=model)
            offers[f"{server.url} {model}"] = (f"{model}, on {server.product} here", chosen)
    for each in found:
        offers[each.model.name] = (_advice(session.settings, each), Chosen(each.model.name))
    offers[DEMO] = ("the demo model of Parley: nothing to download, and knows little", Chosen(DEMO))
    offers[_OTHER] = ("another: a name at the Hugging Face Hub, a folder, or a server", None)
    seen = [key for key, (_, offer) in offers.items() if offer == current and offer is not None]
    for key in seen[1:]:
        del offers[key]
    return offers


def _title(chosen: Chosen) -> str:
    if chosen.server:
        return (
            f"{chosen.server_model or 'the first chat model'} on {without_passwords(chosen.server)}"
        )
    return "the demo model" if chosen.name == DEMO else chosen.name


def _advice(settings: Settings, each: Recommendation) -> str:
    model = each.model
    have = _is_here(settings, model.name)
    size = "downloaded already" if have else f"{model.download / 1e9:.1f} GB to download"
    note = f"; {each.note}" if each.note else ""
    return (
        f"{model.name}: {size}, {model.memory / 1e9:.1f} of {each.room.size / 1e9:.1f} GB of "
        f"memory on {each.room.title}{note}"
    )


async def _named(session: Session) -> Chosen:
    """What somebody types: an address is a server."""
    while True:
        typed = await session.asker.text(
            "Name at the Hub (owner/model), folder, or address of a server (http://…/v1):"
        )
        if typed:
            return _typed(typed)


def _address(text: str) -> str:
    """The address of a server, with its scheme. Raises ModelError for another scheme."""
    address = text.strip().rstrip("/")
    address = address if "://" in address else f"http://{address}"
    if not re.match("https?://", address):
        raise ModelError(
            f"{without_passwords(text)}: the address of a server begins with http:// or https://"
        )
    return address


def _typed(text: str) -> Chosen:
    """An address is a server, also without its scheme; a folder is meant from where somebody types,
    while a relative path in the settings is relative to their file."""
    if _HOST.fullmatch(text) or "://" in text:
        return Chosen(server=_address(text))
    here = Path(text)
    return Chosen(str(here.absolute()) if text != DEMO and here.exists() else text)


# ---------------------------------------------------------------- using


async def _use(session: Session, chosen: Chosen) -> None:
    """Make sure that it can be used, and save it. Raises ModelError where it cannot."""
    if chosen.server:
        await _use_server(session, chosen.server, chosen.server_model)
        return
    if session.settings.model.backend == "scripted" and chosen == _current(session.settings):
        session.screen.mark(State.OK, "The scripted backend answers: a rehearsal without a model.")
        return
    if not _is_here(session.settings, chosen.name):
        _require_no_path(chosen.name)
        await _downloading(session, chosen.name)
    backend = session.settings.model.backend
    found = find_model(with_model(session.settings, chosen.name))
    require_suited(found, "auto" if backend in _NOT_HERE else backend)
    await _save(session, chosen)


def _require_no_path(name: str) -> None:
    """Raise ModelError for a path where nothing is: it is no name of the Hub, either."""
    if name.startswith(("/", "~", ".")) or "\\" in name:
        raise ModelError(f"{name}: there is no such folder, and no such file.")


async def _downloading(session: Session, name: str) -> None:
    wanted = with_model(session.settings, name)
    await download(wanted, name, force=False)
    find_model(wanted)  # says what a folder or a download lacks


def with_model(settings: Settings, name: str) -> Settings:
    """`settings` with another ``[model] name``."""
    section = settings.model.model_copy(update={"name": name, "backend": "auto"})
    return settings.model_copy(update={"model": section})


def _is_here(settings: Settings, name: str) -> bool:
    """Whether the model is on this machine. Blocks briefly."""
    try:
        return find_model(with_model(settings, name)).exists()
    except ModelError:
        return False


async def _use_server(session: Session, url: str, model: str) -> None:
    """Ask the server whether it has the model; without a name take its first one, or ask."""
    key = session.settings.model.openai.api_key.get_secret_value()
    shown = without_passwords(url)
    with session.screen.busy(f"Asking {shown}"):
        server = await ask_server(url.rstrip("/"), api_key=key)
    if not server.models:
        raise ModelError(f"{shown} lists no chat model. Load one into it, then go on.")
    if model and not any(_same(model, each) for each in server.models):
        has = ", ".join(server.models[:12])
        raise ModelError(f"{shown} has no chat model {model}; it has: {has}.")
    if _is_set(session, Chosen(server=url, server_model=model)):
        session.screen.mark(State.OK, f"Answers come from {_title(_current(session.settings))}.")
        return
    model = model or await _one_of(session, server)
    await _save(session, Chosen(server=server.url, server_model=model))


def _is_set(session: Session, chosen: Chosen) -> bool:
    """Whether the files say this already: then nothing is written, which would leave one of several
    servers."""
    in_files = not session.is_new and not session.from_environment(("model", "openai", "base_urls"))
    return in_files and chosen == _current(session.settings)


def _same(wanted: str, listed: str) -> bool:
    """Whether a short name (``qwen3``, as Ollama takes it) means the listed model."""
    short, name = wanted.lower(), listed.lower()
    return short in (name, name.partition(":")[0], name.rpartition("/")[2])


async def _one_of(session: Session, server: FoundServer) -> str:
    if len(server.models) == 1:
        return server.models[0]
    choices = [Choice(name, name) for name in server.models]
    return await session.asker.choose("Which of its models?", choices, server.models[0])


async def _save(session: Session, chosen: Chosen) -> None:
    if not await session.save(chosen.changes(session.settings)):
        raise ConfigError(
            f"{_title(chosen)} is not set, because {session.file} was not to be changed. Change "
            "[model] there yourself, then run parley setup again."
        )
    session.screen.mark(State.OK, f"Answers come from {_title(chosen)}.")
