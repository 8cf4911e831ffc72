"""`/export me`: a person's own data, as files in a direct message."""

from datetime import UTC, datetime

from adapters.common import texts
from adapters.common.direct import Direct
from adapters.common.platform import Platform
from bot.errors import NotAllowed, NothingToDo
from bot.messages import Person
from bot.personal import personal_lines, pieces
from bot.ports import PersonalData


class Exports:
    """Sends exports; one at a time for each person."""

    def __init__(self, store: PersonalData, platform: Platform) -> None:
        self._store = store
        self._platform = platform
        self._running: set[str] = set()

    async def send(self, person: Person) -> str:
        """Send all that is stored of `person` to them alone; a text for the person. Memory use is
        bounded by one file. Raises NothingToDo where nothing is stored or an export runs already,
        NotAllowed where they take no direct messages; SurfaceError and StorageError."""
        if person.key in self._running:
            raise NothingToDo(texts.EXPORT_RUNS)
        self._running.add(person.key)
        try:
            direct = await self._platform.direct(person)
            if direct is None:
                raise NotAllowed(texts.NO_DIRECT)
            files = await self._files(person, direct)
        finally:
            self._running.discard(person.key)
        if not files:
            raise NothingToDo(texts.NOTHING_STORED)
        return texts.exported_text(files)

    async def _files(self, person: Person, direct: Direct) -> int:
        """Returns their number."""
        name, number = f"parley-export-{datetime.now(UTC).date()}", 0
        async for piece in pieces(personal_lines(self._store, person.key), direct.most_bytes):
            number += 1
            suffix = f"-{number}" if number > 1 else ""
            await direct.file(f"{name}{suffix}.jsonl", piece, texts.export_file_text(number))
        if number > 1:
            await direct.say(texts.export_ended_text(number))
        return number
