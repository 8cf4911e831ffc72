"""What was said in a place, as it is read for a summary. Never stored."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.names import clean_name


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message."""

    author: str
    """The display name."""
    text: str
    """As people see it; not blank."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The messages of a place from `first` to `last`."""

    spoken: tuple[Spoken, ...]
    """Oldest first; only those that have a text."""
    first: str = ""
    """The platform's id of the oldest message that was read; "" where there is none."""
    last: str = ""
    older: bool = False
    """Earlier messages that were asked for are left out."""
    later: bool = False
    """Later ones are."""

    def lines(self, *, names: bool) -> list[str]:
        """The messages as the model reads them, ``Name: text``. Without `names`, people are
        numbered in the order in which they speak. The further lines of a message are indented:
        nobody can write one that looks like another person's, or like the end of the material."""
        named = zip(self._names(names), self.spoken, strict=True)
        return [f"{name}: " + "\n  ".join(one.text.splitlines()) for name, one in named]

    def _names(self, shown: bool) -> Sequence[str]:
        numbers: dict[str, int] = {}
        for one in self.spoken:
            numbers.setdefault(one.author, len(numbers) + 1)
        if shown:
            return [clean_name(one.author, "somebody") for one in self.spoken]
        return [f"Person {numbers[one.author]}" for one in self.spoken]
