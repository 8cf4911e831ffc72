"""The exceptions that Parley raises deliberately.

    ParleyError                 base class; one line for the operator
    ├── ConfigError             a setting is unknown, invalid or missing
    ├── ModelError              the model is missing, damaged, unsupported, or too large
    │   └── ModelDown           the servers of one of several models do not answer
    ├── StorageError            the database is unreachable, damaged, locked, full, or too new
    ├── GenerationError         generation failed
    │   ├── WorkerLost          the worker process ended; the answer can be resumed
    │   └── NoRoom              the prompt does not fit the context window; repacked it may
    ├── SurfaceError            the platform refused a message permanently
    │   ├── MessageGone         the message no longer exists
    │   ├── Unreadable          a permission to read what was said in a place is missing
    │   └── SurfaceBusy         temporary: retry after `retry_after` seconds
    └── Refusal                 a person's request is refused; `user_text` says why
        ├── Busy                the queue is full
        ├── ShuttingDown        Parley is about to end
        ├── OverQuota           the person's quota of answers or tokens for the day is used up
        ├── TooLong             the question alone exceeds the context window
        ├── NotAllowed          the person lacks the permission
        ├── NotUnderstood       the input is not a valid value
        └── NothingToDo         there is nothing to stop, regenerate or continue

A library's exceptions are converted into these once, where the library is called, with
``raise … from exc``. Any other exception that reaches the top is a bug.
"""


class ParleyError(Exception):
    """Base class. ``str(error)`` is one line for the operator that names the thing, the place and
    the remedy, and contains no secrets."""

    @property
    def user_text(self) -> str:
        """The message for the person in the chat. Names no path, setting or internals."""
        return "Something went wrong on my side. The operator's log says what."


class ConfigError(ParleyError):
    """A setting is unknown, invalid or missing."""


class ModelError(ParleyError):
    """The model cannot be loaded or used as configured."""

    @property
    def user_text(self) -> str:
        return "The model is not available right now. The operator's log says why."


class ModelDown(ModelError):
    """The servers of one of several models do not answer, or do not have it."""

    def __init__(self, message: str, name: str) -> None:
        """`name`: that of ``[models.NAME]``."""
        super().__init__(message)
        self._name = name

    @property
    def user_text(self) -> str:
        return (
            f"The model {self._name} is not available right now. Try again later; an admin can "
            "also choose another model here."
        )


class StorageError(ParleyError):
    """The database cannot be used."""

    @property
    def user_text(self) -> str:
        return "My database is not available right now, so I could not do that. Try again later."


class GenerationError(ParleyError):
    """Generation failed."""

    @property
    def user_text(self) -> str:
        return "The model failed while it answered. Try again."


class WorkerLost(GenerationError):
    """The worker process ended during generation. The text so far is valid; the answer can be
    resumed when the worker has restarted."""

    @property
    def user_text(self) -> str:
        return "The model stopped in the middle of this answer. Try again."


class NoRoom(GenerationError):
    """The prompt and its answer do not fit the context window. The window may have shrunk since the
    prompt was packed; packed again, it may fit."""


class SurfaceError(ParleyError):
    """The platform refused a call permanently: a retry will not help."""


class MessageGone(SurfaceError):
    """The message to edit or delete no longer exists."""


class Unreadable(SurfaceError):
    """What was said in a place cannot be read: Parley lacks a permission there, or a scope."""

    def __init__(self, message: str, lacking: str) -> None:
        super().__init__(message)
        self.lacking = lacking
        """For people: what is missing, such as "the permission Read Message History"."""


class SurfaceBusy(SurfaceError):
    """The call failed temporarily (rate limit, connection): retry it later."""

    def __init__(self, message: str, *, retry_after: float, foreseen: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait before the retry."""
        self.foreseen = foreseen
        """Whether the call was not sent because a known limit is used up. That is no sign of a
        lower limit, so the caller need not back off further."""


class Refusal(ParleyError):
    """A person's request is refused. Nothing was recorded, and nothing will be generated for it.
    ``str(error)`` is the text for the person."""

    @property
    def user_text(self) -> str:
        return str(self)


class Busy(Refusal):
    """The queue is full."""


class ShuttingDown(Refusal):
    """The engine is being left: the question is not taken, and nothing was recorded. Platforms keep
    what people wrote, so that the next run can find it."""


class OverQuota(Refusal):
    """The person's quota of answers or tokens for the day is used up."""


class TooLong(Refusal):
    """The question alone does not fit the context window."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        """`remedy` names settings; it is in ``str(error)`` for the operator, not in `user_text`."""
        super().__init__(f"{message} {remedy}".rstrip())
        self._message = message

    @property
    def user_text(self) -> str:
        return self._message


class NotAllowed(Refusal):
    """The person lacks the permission for this."""


class NotUnderstood(Refusal):
    """The person's input is not a valid value; the text says what would be."""


class NothingToDo(Refusal):
    """There is nothing to stop, regenerate or continue."""
