"""What the steps of the set-up share: asking and showing, the files, the settings in effect."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import SecretStr

from bot.checks import State
from bot.config import ENV_PREFIX, Settings, default_files, read_settings, secrets_beside
from bot.config_errors import Keys
from bot.errors import ConfigError
from bot.files import NotText, read_text
from bot.url_passwords import has_password
from parley.setup import toml_edit
from parley.setup.answers import Answers
from parley.setup.asking import Asker, Screen
from parley.setup.files import replace_text, require_writable
from parley.setup.toml_edit import Changes


def config_place(config: Path | None) -> Path:
    """The file that the set-up writes: `config`, else the one that Parley would read, else
    ``config.toml`` in the user's configuration folder."""
    if config is not None:
        return config
    return next((path for path in default_files() if path.exists()), default_files()[-1])


class Session:
    """One run of the set-up. `settings` are those in effect: files and environment."""

    def __init__(
        self,
        asker: Asker,
        screen: Screen,
        answers: Answers,
        file: Path,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Raises ConfigError where `file` or the secrets beside it are wrong or unwritable."""
        self.asker = asker
        self.screen = screen
        self.answers = answers
        self.file = file
        self.secrets_file = secrets_beside(file)
        self.environment = environment
        self._said: set[Path] = set()
        self._beside_secrets()
        self.settings = self._load()
        self.before = self.settings
        """The settings at the beginning."""
        self.unchecked: set[str] = set()
        """Platforms that cannot be reached now, and whose tokens are to be saved all the same: what
        needs the platform is left for another run."""
        require_writable(file)

    def _beside_secrets(self) -> None:
        """Secrets are read only beside a configuration file: make one where somebody deleted it."""
        if self.is_new and self.secrets_file.exists():
            replace_text(self.file, toml_edit.CONFIG_HEADER, private=False)

    def _load(self) -> Settings:
        """The settings of the files; of the environment alone as long as there is no file."""
        return read_settings(None if self.is_new else self.file, self.environment)

    @property
    def is_new(self) -> bool:
        """Whether there is no configuration file yet."""
        return not self.file.exists()

    @property
    def is_found(self) -> bool:
        """Whether commands without ``--config`` find the configuration file."""
        first = next((path for path in default_files() if path.exists()), None)
        return first is not None and first.resolve() == self.file.resolve()

    def secret(self, keys: Keys) -> str:
        """The secret at `keys` that is in effect; "" for none."""
        return secret_in(self.settings, keys)

    async def save(self, changes: Changes, secrets: Changes | None = None) -> bool:
        """Write `changes` to the configuration file and `secrets` to the file beside it, and load
        the settings anew. Addresses with a password are secrets, among the changes too. A
        configuration file that the set-up did not write is changed only after its diff was shown
        and confirmed: False where it was not. Raises ConfigError."""
        if secrets:
            self._save_secrets(secrets)
        addresses = {keys: value for keys, value in changes.items() if has_password(value)}
        plain = {keys: value for keys, value in changes.items() if keys not in addresses}
        saved = await self._save_config(plain, elsewhere=addresses)
        if saved:
            kept = toml_edit.addresses_in(_text(self.secrets_file))
            self._save_secrets(addresses, elsewhere=kept.keys() & plain.keys())
        self.settings = self._load()
        self._warn_of_variables([*(changes if saved else ()), *(secrets or ())])
        self._warn_of_secrets(plain if saved else {})
        return saved

    def _save_secrets(self, secrets: Changes, elsewhere: Iterable[Keys] = ()) -> None:
        """Save `secrets`, and remove what stands `elsewhere` from now on."""
        before = _text(self.secrets_file)
        if not secrets and not before:
            return
        after = toml_edit.edited(before, secrets, toml_edit.SECRETS_HEADER)
        after = toml_edit.without(after, elsewhere)
        if after != before:
            replace_text(self.secrets_file, after, private=True)
            self._say_saved(self.secrets_file, ", which only you can read")
        self._beside_secrets()

    async def _save_config(self, changes: Changes, elsewhere: Iterable[Keys]) -> bool:
        before = _text(self.file)
        try:
            after = toml_edit.edited(before, changes, toml_edit.CONFIG_HEADER)
            after = toml_edit.without(after, elsewhere)
        except ConfigError as error:
            raise ConfigError(f"{self.file}: {error}") from error
        if after == before:
            return True
        if not toml_edit.made_by_setup(before):
            self.screen.say(f"{self.file} is yours, so look first at what would change in it:")
            hidden = self.settings.secrets
            self.screen.block(toml_edit.difference(before, after, self.file.name, hidden))
            if not await self.asker.confirm("Change it so?", default=True):
                self.screen.mark(State.SKIPPED, f"{self.file} stays as it is.")
                return False
        replace_text(self.file, after, private=False)
        self._say_saved(self.file)
        return True

    def _say_saved(self, file: Path, more: str = "") -> None:
        """The whole path at the first time only."""
        first = file not in self._said
        self._said.add(file)
        self.screen.mark(State.OK, f"Saved in {file}{more}." if first else f"Saved in {file.name}.")

    def _warn_of_variables(self, changed: list[Keys]) -> None:
        for keys in changed:
            name = variable(keys)
            if name in self.environment:
                self.screen.mark(
                    State.WARNING,
                    f"The environment variable {name} is set, and counts before what was saved. "
                    "Unset it to use that.",
                )

    def _warn_of_secrets(self, saved: Changes) -> None:
        """Any setting may stand in the file of secrets, which counts before the other."""
        others = toml_edit.settings_in(_text(self.secrets_file)) if saved else {}
        for keys in saved:
            if keys in others and not self.from_environment(keys):
                place = f"[{'.'.join(keys[:-1])}] {keys[-1]}"
                self.screen.mark(
                    State.WARNING,
                    f"{self.secrets_file} sets {place} too, and counts before what was saved. "
                    "Delete it there to use that.",
                )

    def from_environment(self, keys: Keys) -> bool:
        """Whether an environment variable sets this."""
        return variable(keys) in self.environment


SECRETS: tuple[Keys, ...] = (
    ("discord", "token"),
    ("slack", "bot_token"),
    ("slack", "app_token"),
    ("slack", "signing_secret"),
    ("slack", "client_secret"),
    ("model", "openai", "api_key"),
    ("web", "password_hash"),
    ("web", "metrics_token"),
)
"""The settings that belong into the file of secrets, besides those of ``[models.NAME]``; a test
compares them with `Settings`."""


def secrets_of(settings: Settings) -> tuple[Keys, ...]:
    """`SECRETS`, and those of the models that `settings` name."""
    return (*SECRETS, *(("models", name, "api_key") for name in settings.models))


def secret_in(settings: Settings, keys: Keys) -> str:
    """The secret at `keys`; "" for none."""
    value: object = settings
    for key in keys:
        value = value[key] if isinstance(value, dict) else getattr(value, key)
    return value.get_secret_value() if isinstance(value, SecretStr) else ""


def variable(keys: Keys) -> str:
    """The environment variable that overrides a setting."""
    return ENV_PREFIX + "__".join(keys).upper()


def _text(file: Path) -> str:
    """The content of a file; "" where there is none. Raises ConfigError."""
    try:
        return read_text(file)
    except FileNotFoundError:
        return ""
    except (OSError, NotText) as exc:
        raise ConfigError(f"{file} cannot be read ({exc}).") from exc
