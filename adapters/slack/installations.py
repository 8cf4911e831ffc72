"""Slack's OAuth: workspaces install the app themselves, and their tokens are kept in the database.

slack_sdk's SQLAlchemy stores keep them, in their own tables beside Parley's (slack_bots,
slack_installations, slack_oauth_states). The flow:
https://docs.slack.dev/authentication/installing-with-oauth."""

import logging
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_sdk.oauth.installation_store.sqlalchemy import AsyncSQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.sqlalchemy import AsyncSQLAlchemyOAuthStateStore
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.slack.manifest import SCOPES
from adapters.slack.transports import INSTALL_PATH, REDIRECT_PATH
from adapters.slack.workspaces import DEFAULT_BASE_URL, Installed
from bot.config import SlackSettings
from bot.database_url import sqlite_file
from bot.errors import StorageError

logger = logging.getLogger(__name__)

STATE_SECONDS = 600
"""Lifetime of an OAuth state: the time that somebody may take to install the app."""


class InstallationBook:
    """The installations in the database; an `adapters.slack.workspaces.Installations`. `flow`
    serves the pages of the OAuth flow."""

    def __init__(self, engine: AsyncEngine, slack: SlackSettings, client: AsyncWebClient) -> None:
        self._store = AsyncSQLAlchemyInstallationStore(slack.client_id, engine, logger=logger)
        self._states = AsyncSQLAlchemyOAuthStateStore(STATE_SECONDS, engine, logger=logger)
        public = slack.public_url
        settings = AsyncOAuthSettings(
            client_id=slack.client_id,
            client_secret=slack.client_secret.get_secret_value(),
            scopes=list(SCOPES),
            redirect_uri=f"{public}{REDIRECT_PATH}" if public else None,
            install_path=INSTALL_PATH,
            redirect_uri_path=REDIRECT_PATH,
            authorization_url=_authorization_url(slack.base_url),
            installation_store=self._store,
            state_store=self._states,
            logger=logger,
        )
        self.flow = AsyncOAuthFlow(client=client, logger=logger, settings=settings)

    async def prepare(self) -> None:
        """Create the tables. Idempotent. Raises SQLAlchemyError."""
        await self._store.create_tables()  # type: ignore[no-untyped-call]
        await self._states.create_tables()  # type: ignore[no-untyped-call]

    async def find(self, enterprise: str, team: str) -> Installed | None:
        """The newest installation in the workspace, else the one of the organisation that it
        belongs to; None where the app is not installed. Raises StorageError."""
        try:
            bot = await self._store.async_find_bot(
                enterprise_id=enterprise or None, team_id=team or None
            )
            if bot is None and enterprise:
                bot = await self._store.async_find_bot(
                    enterprise_id=enterprise, team_id=None, is_enterprise_install=True
                )
        except SQLAlchemyError as exc:
            raise StorageError(f"the installations cannot be read: {type(exc).__name__}") from exc
        if bot is None or not bot.bot_token:
            return None
        return Installed(bot.bot_token, bot.bot_user_id or "", bot.bot_id or "")

    async def forget(self, enterprise: str, team: str) -> None:
        """Delete the tokens of a workspace, with `team` "" those of a whole organisation.
        Idempotent. Raises StorageError."""
        try:
            await self._store.async_delete_all(
                enterprise_id=enterprise or None, team_id=team or None
            )
        except SQLAlchemyError as exc:
            raise StorageError(f"the tokens were not deleted: {type(exc).__name__}") from exc


@asynccontextmanager
async def open_installations(
    database_url: str, slack: SlackSettings, client: AsyncWebClient
) -> AsyncIterator[InstallationBook]:
    """Open the installations in the database at `database_url`, which is also that of the
    conversations, and create missing tables. Raises StorageError."""
    file = sqlite_file(database_url)
    url = URL.create("sqlite+aiosqlite", database=str(file)) if file else make_url(database_url)
    engine = create_async_engine(url)
    try:
        book = InstallationBook(engine, slack, client)
        try:
            await book.prepare()
        except SQLAlchemyError as exc:
            raise StorageError(
                f"[storage] url: the tables of installations cannot be created "
                f"({type(exc).__name__}). Check that it is Parley's database and is writable."
            ) from exc
        yield book
    finally:
        await engine.dispose()


def _authorization_url(base_url: str) -> str:
    """The consent page, on the same host as the API (GovSlack has its own)."""
    parts = urllib.parse.urlsplit(base_url or DEFAULT_BASE_URL)
    return f"{parts.scheme}://{parts.netloc}/oauth/v2/authorize"
