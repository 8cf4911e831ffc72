"""`parley doctor` for ``[slack] answer_all_channels``: whether the app is a member of each channel,
since Slack sends it the messages of no others. One message of each is asked for
(conversations.history); nothing is posted."""

from functools import partial

from adapters.common import checkup as common
from adapters.slack.api import Gateway
from adapters.slack.errors import Refused
from adapters.slack.places import access_of
from bot.checks import Result, State
from bot.config import SlackSettings
from bot.errors import SurfaceError

AREA = "Slack"
REMEDY = (
    "Check the ids, invite Parley there (/invite @Parley), and compare allowed_channels and "
    "blocked_channels."
)
_WHY = {
    "channel_not_found": "Parley can see no channel {}",
    "not_in_channel": "Parley is no member of {}",
    "is_archived": "{} is archived",
}


async def check_channels(gateway: Gateway, settings: SlackSettings) -> list[Result]:
    """One result, none where the setting is empty. Raises nothing."""
    ids, wrong_with = settings.answer_all_channels, partial(_wrong, gateway, settings)
    try:
        return await common.check_channels(AREA, ids, wrong_with, REMEDY)
    except SurfaceError as error:
        what = common.CHANNELS_CHECK
        return [Result(AREA, what, State.FAILED, str(error), "Try again later.")]


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
