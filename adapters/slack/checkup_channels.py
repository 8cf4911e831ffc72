"""`parley doctor` for ``[slack] answer_all_channels``: whether the app is a member of each channel,
since Slack sends it the messages of no others. One message of each is asked for
(conversations.history); nothing is posted."""

from adapters.slack.api import Gateway
from adapters.slack.errors import Refused
from adapters.slack.places import access_of
from bot.checks import Result, State
from bot.config import SlackSettings
from bot.errors import SurfaceError

AREA = "Slack"
WHAT = "answer_all_channels"
_WHY = {
    "channel_not_found": "Parley can see no channel {}",
    "not_in_channel": "Parley is no member of {}",
    "is_archived": "{} is archived",
}


async def check_channels(gateway: Gateway, settings: SlackSettings) -> list[Result]:
    """One result, none where the setting is empty. Raises nothing."""
    ids = sorted(settings.answer_all_channels)
    if not ids:
        return []
    try:
        wrong = [line for channel in ids if (line := await _wrong(gateway, settings, channel))]
    except SurfaceError as error:
        return [Result(AREA, WHAT, State.FAILED, str(error), "Try again later.")]
    if not wrong:
        return [Result(AREA, WHAT, State.OK, f"{len(ids)} can be read")]
    remedy = (
        "Check the ids, invite Parley there (/invite @Parley), and compare allowed_channels and "
        "blocked_channels."
    )
    return [Result(AREA, WHAT, State.WARNING, "; ".join(wrong), remedy)]


async def _wrong(gateway: Gateway, settings: SlackSettings, channel: str) -> str:
    """What is wrong with a channel; "" where nothing is. Raises SurfaceError."""
    if not access_of(settings).channels.permits([channel]):
        return f"allowed_channels or blocked_channels leave out {channel}"
    try:
        await gateway.call("conversations.history", channel=channel, limit=1)
    except Refused as refused:
        if refused.code == "missing_scope":
            return f"the scope to read {channel} is missing (channels:history, groups:history)"
        return _WHY.get(refused.code, "{} cannot be read (" + refused.code + ")").format(channel)
    return ""
