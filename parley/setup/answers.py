"""What the command line answers, so that a script needs no terminal."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.errors import ConfigError

RECOMMENDED = "recommended"
"""The value of ``--model`` for the first model that `parley model recommend` names."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The options of `parley setup`. None and "" mean: ask, or where nothing can be asked take the
    default."""

    yes: bool = False
    """Ask nothing."""
    model: str = ""
    """A name of the Hub, a folder, "demo" or `RECOMMENDED`."""
    server: str = ""
    """The address of a model server, in place of a model on this machine."""
    server_model: str = ""
    discord: bool | None = None
    slack: bool | None = None
    discord_token_env: str = ""
    """The environment variable that holds the token; so with the two of Slack."""
    slack_bot_token_env: str = ""
    slack_app_token_env: str = ""
    message_content: bool | None = None
    register: bool | None = None
    channels: tuple[str, ...] = ()
    """Where the first message goes: see `parley.setup.channels.parse_channel`."""
    message: bool | None = None
    web: bool | None = None
    """Serve the operator's page."""
    web_password_env: str = ""
    """The environment variable that holds its password."""
    service: bool | None = None
    run: bool | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def secret(self, variable: str, option: str) -> str:
        """The secret that the environment variable holds; "" where no variable is named. Raises
        ConfigError where it is not set."""
        if not variable:
            return ""
        value = self.environment.get(variable, "")
        if not value.strip():
            # It may be the token itself, which is not to be shown.
            shown = f" {variable}" if re.fullmatch("[A-Z][A-Z0-9_]{0,40}", variable) else ""
            raise ConfigError(
                f"{option}{shown}: there is no such environment variable, or it is empty. Set it "
                f"to the token first; {option} takes the variable's name, not the token itself."
            )
        return value
