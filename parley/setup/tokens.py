"""What somebody pasted where a token was asked for: the token, another secret of the same page, or
something around it.

The forms are those of Discord (https://discord.com/developers/docs/reference#authentication) and
Slack (https://docs.slack.dev/authentication/tokens). What has no known wrong form is left to the
platform to judge. Nothing of what was pasted is repeated in a text.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import Enum

_DISCORD = "https://discord.com/developers/applications"
_SLACK = "https://api.slack.com/apps"


class Wanted(Enum):
    """A token that the set-up asks for."""

    DISCORD = "Discord's bot token"
    SLACK_BOT = "Slack's bot token"
    SLACK_APP = "Slack's app-level token"

    @property
    def platform(self) -> str:
        """ "discord" or "slack"."""
        return "discord" if self is Wanted.DISCORD else "slack"


@dataclass(frozen=True, slots=True)
class Pasted:
    """What became of it."""

    token: str = ""
    """The token; "" where this is none."""
    removed: str = ""
    """What stood around the token and was taken away, in words; mostly ""."""
    fault: str = ""
    """Why this is no token of the wanted kind, and where that is; "" where it may be."""


WHERE = {
    Wanted.DISCORD: f"The token is at {_DISCORD}: your application, Bot, Reset Token.",
    Wanted.SLACK_BOT: (
        f"The bot token begins with xoxb- and is at {_SLACK}: your app, OAuth & Permissions, Bot "
        "User OAuth Token (after Install to Workspace)."
    ),
    Wanted.SLACK_APP: (
        f"The app-level token begins with xapp- and is at {_SLACK}: your app, Basic Information, "
        "App-Level Tokens, Generate Token with the scope connections:write."
    ),
}
"""Where each token is found: sentences."""


def examine(text: str, wanted: Wanted) -> Pasted:
    """Take what stands around a token away, and name what is none."""
    token, removed = _bare(text)
    if not token:
        return Pasted(fault=f"Nothing was given. {WHERE[wanted]}")
    if any(char.isspace() for char in token):
        return Pasted(
            fault=f"There is white space in the middle of it, so it is not one token: copy "
            f"{wanted.value} alone. {WHERE[wanted]}"
        )
    if not token.isascii() or not token.isprintable():
        return Pasted(
            fault="It has characters that no token has (dots or stars in place of a hidden one, "
            f"perhaps): press Copy beside {wanted.value}. {WHERE[wanted]}"
        )
    if kind := _other_kind(token, wanted):
        return Pasted(fault=f"This is {kind}, not {wanted.value}. {WHERE[wanted]}")
    return Pasted(token, removed)


# ---------------------------------------------------------------- around it

_QUOTES = "\"'`“”‘’«»"
_ASSIGNED = re.compile(r"(?:export\s+|set\s+|\$env:)?[A-Za-z_][A-Za-z0-9_.]*\s*=\s*(?=\S)")
_SCHEME = re.compile(r"(?:authorization\s*:\s*)?(?:bot|bearer)\s+(?=\S)", re.IGNORECASE)
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))


def _bare(text: str) -> tuple[str, str]:
    """The token in `text`, and in words what was around it."""
    removed: list[str] = []

    def without(what: str, changed: str, before: str) -> str:
        if changed != before and what not in removed:
            removed.append(what)
        return changed

    token = text.translate(_INVISIBLE).strip()
    for _ in range(3):  # "Bot " in quotes, quotes after a variable's name …
        token = without("quotes", token.strip(_QUOTES).strip(), token)
        token = without("the name of a variable", _ASSIGNED.sub("", token, count=1), token)
        scheme = _SCHEME.match(token)
        word = "“Bearer ”" if scheme and "bearer" in scheme[0].lower() else "“Bot ”"
        token = without(f"{word} before it", _SCHEME.sub("", token, count=1), token)
    return token, " and ".join(removed)


# ---------------------------------------------------------------- what it is instead

_SLACK_KINDS = {
    "xoxb": Wanted.SLACK_BOT,
    "xapp": Wanted.SLACK_APP,
}
_SLACK_OTHERS = {
    "xoxp": "a user token of Slack (xoxp-…), which acts for a person",
    "xoxe": "a configuration or refresh token of Slack (xoxe…)",
    "xoxc": "a browser's token of Slack (xoxc-…)",
    "xoxd": "a browser's cookie of Slack (xoxd-…)",
    "xoxs": "a browser's token of Slack (xoxs-…)",
    "xoxa": "an old workspace token of Slack (xoxa-…)",
    "xoxr": "a refresh token of Slack (xoxr-…)",
}
_ELSEWHERE = (
    (re.compile(r"hf_\w{20,}"), "an access token of Hugging Face"),
    (re.compile(r"sk-[\w-]{16,}"), "an API key of a model server"),
    (re.compile(r"gh[pousr]_\w{20,}|github_pat_\w+"), "a token of GitHub"),
    (re.compile(r"https?://(discord|discordapp)\.com/api/webhooks/.*"), "a webhook of Discord"),
    (re.compile(r"https?://hooks\.slack\.com/.*"), "a webhook of Slack"),
    (re.compile(r"https?://.*"), "the address of a page"),
    (re.compile(r"[*•●]+"), "a hidden secret, of which the page shows only stars"),
)
_DISCORD_TOKEN = re.compile(r"[\w-]{20,}\.[\w-]{4,8}\.[\w-]{24,}")


def _other_kind(token: str, wanted: Wanted) -> str:
    """What `token` is, with its article, where that is certainly not what is wanted; else ""."""
    prefix = token[:4].lower()
    if prefix in _SLACK_OTHERS and token[4:5] in ("-", "."):
        return _SLACK_OTHERS[prefix]
    if (kind := _SLACK_KINDS.get(prefix)) and token[4:5] == "-":
        return "" if kind is wanted else kind.value
    for form, what in _ELSEWHERE:
        if form.fullmatch(token):
            return what
    if _DISCORD_TOKEN.fullmatch(token) and _names_an_id(token):
        return "" if wanted is Wanted.DISCORD else Wanted.DISCORD.value
    return _on_discord(token) if wanted is Wanted.DISCORD else _on_slack(token)


def _names_an_id(token: str) -> bool:
    """Whether the first part of a Discord token is the bot's id in base64, as it has to be."""
    first = token.partition(".")[0]
    try:
        return base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).isdigit()
    except (binascii.Error, ValueError):
        return False


def _on_discord(token: str) -> str:
    """Other things on the pages of a Discord application."""
    if re.fullmatch(r"[0-9]{15,21}", token):
        return "an id (of the application, a server or a person)"
    if re.fullmatch(r"[0-9a-f]{64}", token):
        return "the application's public key"
    if re.fullmatch(r"[\w-]{32}", token):
        return "the application's client secret"
    return ""


def _on_slack(token: str) -> str:
    """Other things on the pages of a Slack app: all of its tokens begin with x."""
    if re.fullmatch(r"[0-9a-f]{32}", token):
        return "the app's signing secret or client secret"
    if re.fullmatch(r"[0-9]+\.[0-9]+", token):
        return "the app's client id"
    if re.fullmatch(r"A[0-9A-Z]{8,}", token):
        return "the app's id"
    if re.fullmatch(r"[A-Za-z0-9]{24}", token):
        return "the app's verification token, which Slack no longer uses"
    if not token.startswith("x"):
        return "no token of Slack: its tokens begin with xoxb- or xapp-"
    return ""


def slack_app_page(app_token: str, page: str = "") -> str:
    """The address of a page of the Slack app whose app-level token this is, as the id in it says
    (``xapp-1-A0123456789-…``); of the list of apps where it has none."""
    match = re.fullmatch(r"xapp-\d+-(A[0-9A-Z]{6,})-.*", app_token)
    return f"{_SLACK}/{match[1]}/{page}".rstrip("/") if match else _SLACK
