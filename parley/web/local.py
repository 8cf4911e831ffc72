"""How other programs of the same account reach the web server of a running Parley.

The server writes its address and a random token into a file of mode 0600 beside the database, and
deletes it at its end. Whoever can read the file can read the database, too.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from bot.config import Settings
from bot.errors import ConfigError
from bot.files import make_private_folder, private
from parley.locks import lock_folder

logger = logging.getLogger(__name__)

NEW_LINK_PATH = "/local/link"
SECONDS = 3.0
"""How long the server may take to answer."""


@dataclass(frozen=True, slots=True)
class LocalServer:
    """The web server of a running Parley."""

    url: str
    """Its address on this computer, without a path."""
    token: str


@contextmanager
def published(settings: Settings, url: str, token: str) -> Iterator[None]:
    """Let `find_server` find the server while the body runs. A file that cannot be written is
    logged: only `parley web link` and `parley status` need it. Blocks for a moment."""
    file = _file(settings)
    try:
        make_private_folder(file.parent)
        file.unlink(missing_ok=True)  # an old one may have other rights
        with open(file, "w", encoding="utf-8", opener=private) as out:
            json.dump(asdict(LocalServer(url, token)), out)
    except OSError as exc:
        logger.warning("%s cannot be written (%s): no parley web link", file, exc.strerror)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find_server(settings: Settings) -> LocalServer | None:
    """The server that runs with these settings; None where there is none, or where it belongs to
    another account. One that was killed may have left its file: then nothing answers there."""
    try:
        facts = json.loads(_file(settings).read_text(encoding="utf-8"))
        return LocalServer(str(facts["url"]), str(facts["token"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


async def new_link(settings: Settings) -> tuple[str, float]:
    """An address that logs in once, and the seconds for which it works. Raises ConfigError where no
    server runs with these settings."""
    server = find_server(settings)
    facts = await _ask("POST", server, NEW_LINK_PATH) if server else None
    if server is None or facts is None:
        raise ConfigError(_not_running(settings))
    return server.url + str(facts["path"]), float(facts["seconds"])


async def ask_status(settings: Settings) -> dict[str, Any] | None:
    """What /status.json says; None where no server answers."""
    server = find_server(settings)
    return await _ask("GET", server, "/status.json") if server else None


async def _ask(method: str, server: LocalServer, path: str) -> dict[str, Any] | None:
    import aiohttp  # only here: most commands that look for a server find none

    timeout = aiohttp.ClientTimeout(total=SECONDS)
    headers = {"Authorization": f"Bearer {server.token}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.request(method, server.url + path, allow_redirects=False) as response,
        ):
            facts = await response.json() if response.status == 200 else None
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def _not_running(settings: Settings) -> str:
    if not settings.web.listen:
        return 'The web server is off. Set [web] listen = "127.0.0.1:8600" and start parley run.'
    return (
        f"No Parley answers at {settings.web.listen}. Start it with: parley run (with the same "
        "settings, by the same account); its log says whether the web server started."
    )


def _file(settings: Settings) -> Path:
    """Beside the database, one for each database and address."""
    name = f"{settings.database_url} {settings.web.listen}"
    digest = sha256(name.encode("utf-8", "replace")).hexdigest()[:16]
    return lock_folder(settings.database_url) / f"parley-web-{digest}.json"
