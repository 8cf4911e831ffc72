"""Everything that Parley raises on purpose.

    ParleyError                 one line for the operator: the thing, the place, the remedy
    ├── ConfigError             a setting is unknown, of the wrong type, or missing
    ├── ModelError              the model is missing, damaged, of an unknown kind, or does not fit
    ├── StorageError            the database cannot be opened, is corrupt, locked, full, or too new
    ├── GenerationError         the model failed while it answered
    │   ├── WorkerLost          the model's process ended; the answer may be taken up again
    │   └── NoRoom              the prompt does not fit the window; packed anew it may
    ├── SurfaceError            a platform refused a message for good
    │   ├── MessageGone         the message to edit no longer exists
    │   └── SurfaceBusy         not now: the platform asks to wait `retry_after` seconds
    └── Refusal                 the person may not have this now; `user_text` says why
        ├── Busy                the queue is full
        ├── OverQuota           the person's answers or tokens for the day are used up
        ├── TooLong             the question alone does not fit the model's window
        ├── NotAllowed          the person lacks the right
        ├── NotUnderstood       what was typed is not a value that the setting takes
        └── NothingToDo         nothing is there to stop, regenerate or continue

A library's own exceptions are turned into these once, at the boundary where the library is
called, with ``raise … from exc``. Whatever else reaches the top is a defect.
"""


class ParleyError(Exception):
    """Base of all. ``str(error)`` is one line for the operator, free of secrets."""

    @property
    def user_text(self) -> str:
        """What a person in a chat is told. Names no path, no setting and no internals."""
        return "Something went wrong on my side. The operator's log says what."


class ConfigError(ParleyError):
    """A setting cannot be used."""


class ModelError(ParleyError):
    """The model cannot be used as configured."""

    @property
    def user_text(self) -> str:
        return "The model is not available right now. The operator's log says why."


class StorageError(ParleyError):
    """The database cannot be used."""

    @property
    def user_text(self) -> str:
        return "I cannot reach my memory right now, so the question was not taken. Try later."


class GenerationError(ParleyError):
    """The model failed while it answered."""

    @property
    def user_text(self) -> str:
        return "The model failed while it answered. Try again."


class WorkerLost(GenerationError):
    """The process that holds the model ended in the middle of an answer."""

    @property
    def user_text(self) -> str:
        return "The model stopped in the middle of this answer. Try again."


class NoRoom(GenerationError):
    """The prompt and its answer do not fit the window that the model has now; it may have had a
    larger one when the prompt was packed."""


class SurfaceError(ParleyError):
    """A platform refused to show a message, and trying again will not help."""


class MessageGone(SurfaceError):
    """The message that should be edited no longer exists."""


class SurfaceBusy(SurfaceError):
    """The platform asks to wait before the same call is made again."""

    def __init__(self, message: str, *, retry_after: float, foreseen: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait."""
        self.foreseen = foreseen
        """The limit is known, and the platform was not even asked: no reason to go slower."""


class Refusal(ParleyError):
    """The request is refused; nothing was recorded and nothing will be generated for it."""

    @property
    def user_text(self) -> str:
        return str(self)


class Busy(Refusal):
    """The queue is full."""


class OverQuota(Refusal):
    """The person has used up the answers or tokens of the day."""


class TooLong(Refusal):
    """The question alone does not fit the model's window."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        """`remedy` names settings and is for the operator alone."""
        super().__init__(f"{message} {remedy}".rstrip())
        self._message = message

    @property
    def user_text(self) -> str:
        return self._message


class NotAllowed(Refusal):
    """The person lacks the right to do this."""


class NotUnderstood(Refusal):
    """What the person typed cannot be used; the text says what would be right."""


class NothingToDo(Refusal):
    """Nothing is there to stop, regenerate or continue."""
