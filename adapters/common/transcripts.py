"""What the desk needs of a platform to read what was said in a place."""

from typing import Protocol

from adapters.common.place import Place
from adapters.common.since import Since
from bot.engine.transcript import Transcript
from bot.messages import Person

MOST_MESSAGES = 1000
"""Messages that are summed up at once; the newest of those that were asked for."""


class Transcripts(Protocol):
    """Reads what was said in a place: a platform's adapter."""

    async def read(
        self, place: Place, asker: Person, since: Since, *, last: str = ""
    ) -> Transcript:
        """The messages since then, up to the message `last` ("": until now), the newest of them
        where they are too many. Everybody's are read, Parley's own answers too, and the asker's.
        Raises NotAllowed, with a text that names the permission or scope, where the bot lacks one;
        SurfaceError for every other failure."""
        ...

    def linked(self, place: Place, text: str) -> str:
        """The id of the message of this place that `text` is a link to; "" where it is none."""
        ...

    def link(self, place: Place) -> str:
        """The place in Markdown, as a text elsewhere names it."""
        ...
