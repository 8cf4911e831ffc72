"""Slack: the app's manifest, its two tokens, the scopes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import SecretStr

from adapters.slack.checkup import check_bot_token, check_slack, check_transport
from adapters.slack.manifest import app_manifest
from bot.checks import Result, State
from bot.config import SlackSettings
from bot.config_errors import Keys
from parley.setup.asking import show_results
from parley.setup.platforms import ask_token, pasted_here, reached
from parley.setup.session import Session
from parley.setup.tokens import Wanted, slack_app_page

PLATFORM = "slack"
BOT_OPTION, APP_OPTION = "--slack-bot-token-env", "--slack-app-token-env"

_CREATE = """\
1. Open https://api.slack.com/apps and press Create New App, From a manifest; choose the workspace.
2. Paste this in place of what is there (JSON), and press Create:"""
_INSTALL = """\
3. On the app's page, press Install to Workspace. Two tokens of the app are asked for now."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two tokens."""

    wanted: Wanted
    setting: Keys
    option: str

    def in_settings(self, settings: SlackSettings) -> str:
        secret: SecretStr = getattr(settings, self.setting[-1])
        return secret.get_secret_value()

    def put_into(self, settings: SlackSettings, token: str) -> SlackSettings:
        return settings.model_copy(update={self.setting[-1]: SecretStr(token)})


APP = _Kind(Wanted.SLACK_APP, ("slack", "app_token"), APP_OPTION)
BOT = _Kind(Wanted.SLACK_BOT, ("slack", "bot_token"), BOT_OPTION)
KINDS = (APP, BOT)
"""The app-level token first: it names the app, so that the bot token's pages can be linked."""


async def set_up_slack(session: Session) -> bool:
    """Manifest, tokens and scopes; False where it was left out. Raises ParleyError."""
    session.screen.heading("Slack")
    slack = session.settings.slack
    if slack.client_id or slack.mode == "http":
        await _check_own_way(session)
        return True
    given = {
        APP: session.answers.secret(session.answers.slack_app_token_env, APP_OPTION),
        BOT: session.answers.secret(session.answers.slack_bot_token_env, BOT_OPTION),
    }
    needed = await _needed(session, given)
    if BOT in needed and not given[BOT] and not session.answers.yes:
        await _create_app(session)
    for kind in KINDS:
        if kind in needed and not await _ask(session, kind, given[kind]):
            session.screen.mark(State.SKIPPED, "Slack is left out. Run parley setup again for it.")
            return False
    if PLATFORM in session.unchecked:
        later = "Slack cannot be reached: run parley setup again later, to check the tokens."
        session.screen.mark(State.SKIPPED, later)
    session.screen.say("In each channel where it should answer, type: /invite @parley")
    return True


async def _check_own_way(session: Session) -> None:
    """HTTP events and several workspaces are set up by hand; only check them."""
    with session.screen.busy("Checking Slack"):
        results = await check_slack(session.settings.slack)
    show_results(session.screen, results)
    session.screen.say("HTTP mode and several workspaces are set up by hand: docs/slack.md.")


async def _create_app(session: Session) -> None:
    """Say how the app is created, unless it is there."""
    if await session.asker.confirm("Have you created the Slack app already?", default=False):
        return
    session.screen.say(_CREATE)
    session.screen.block(json.dumps(app_manifest(), indent=2, ensure_ascii=False))
    session.screen.say(_INSTALL)


async def _needed(session: Session, given: Mapping[_Kind, str]) -> set[_Kind]:
    """The tokens that are to be asked for: those given, missing, refused, or to be replaced."""
    slack = session.settings.slack
    needed = {kind for kind in KINDS if given[kind] or not kind.in_settings(slack)}
    if needed:
        return needed
    results = await reached(
        session, PLATFORM, "Checking Slack's tokens", lambda: check_slack(slack)
    )
    if PLATFORM in session.unchecked:
        return set()
    failed = [result.what for result in results if result.state is State.FAILED]
    if failed:
        return (
            {APP}
            if failed == ["app_token"]
            else {BOT}
            if APP.setting[-1] not in failed
            else {*KINDS}
        )
    replaced = await session.asker.confirm("Replace these tokens?", default=False)
    return {*KINDS} if replaced else set()


async def _ask(session: Session, kind: _Kind, given: str) -> bool:
    """Get one of the tokens and save it; False where nobody gives it."""
    current = session.settings.slack

    async def check(token: str) -> Sequence[Result]:
        candidate = kind.put_into(current, token)
        if kind is APP:
            return [await check_transport(candidate)]
        page = slack_app_page(APP.in_settings(current), "oauth")
        results = await check_bot_token(candidate)
        return [_linked(pasted_here(result, kind.wanted), page) for result in results]

    token = await ask_token(session, kind.wanted, given, kind.option, check)
    if token:
        await session.save({}, {kind.setting: token})
    return bool(token)


def _linked(result: Result, page: str) -> Result:
    """A result whose remedy ends with the page where it is carried out."""
    return replace(result, remedy=f"{result.remedy} ({page})") if result.remedy else result
