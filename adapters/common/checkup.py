"""What `parley doctor` checks in the same way on every platform."""

from collections.abc import Awaitable, Callable, Iterable

from bot.checks import Result, State

CHANNELS_CHECK = "answer_all_channels"
"""The name of the check of this setting."""


async def check_channels(
    area: str, ids: Iterable[str], wrong_with: Callable[[str], Awaitable[str]], remedy: str
) -> list[Result]:
    """Whether Parley can read each channel of ``answer_all_channels``: one result, none without an
    id. `wrong_with` says what is wrong with a channel, "" for nothing; `remedy` is the one for
    all of them. Raises what `wrong_with` does."""
    listed = sorted(ids)
    if not listed:
        return []
    wrong = [line for channel in listed if (line := await wrong_with(channel))]
    if not wrong:
        return [Result(area, CHANNELS_CHECK, State.OK, f"{len(listed)} can be read")]
    return [Result(area, CHANNELS_CHECK, State.WARNING, "; ".join(wrong), remedy)]
