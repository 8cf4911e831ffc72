"""The settings: one TOML file, overridden by the environment, checked before anything starts.

`config.example.toml` names every setting, its default and why. A setting ``[model] name`` can be
overridden by the variable ``PARLEY_MODEL__NAME``. Unknown settings and wrong values raise
ConfigError with one line each: the place, what is wrong, and what would be right. A secret is a
`SecretStr` and shows itself in no message and no repr.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_cache_path, user_config_path, user_data_path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from bot.config_errors import EXAMPLE, explain
from bot.errors import ConfigError
from bot.messages import Sampling

APP = "parley"
ENV_PREFIX = "PARLEY_"
DEFAULT_SYSTEM_PROMPT = (
    "You are Parley, a friendly assistant in a chat. Answer helpfully, honestly and briefly."
)

BackendName = Literal["auto", "openvino", "torch", "ipex", "openai", "scripted"]
LowBit = Literal[
    "auto", "sym_int4", "asym_int4", "sym_int5", "asym_int5", "sym_int8", "nf4", "fp4", "fp8",
    "mixed_fp4", "mixed_fp8", "fp16", "bf16", "fp32",
]  # fmt: skip


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ScriptedSettings(_Section):
    text: str = "This is a rehearsal: no model is loaded."
    tokens_per_second: Annotated[float, Field(gt=0)] = 20.0


class IpexSettings(_Section):
    cpu_embedding: Literal["auto"] | bool = "auto"
    optimize_model: bool = True


class OpenAISettings(_Section):
    base_urls: tuple[str, ...] = ()
    model: str = ""
    api_key: SecretStr = SecretStr("")

    @field_validator("base_urls", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """The environment has no lists: there, addresses are parted by commas."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value


class ModelSettings(_Section):
    name: Annotated[str, Field(min_length=1)] = "demo"
    backend: BackendName = "auto"
    device: str = "auto"
    low_bit: LowBit = "auto"
    context: Annotated[int, Field(ge=0)] = 0
    max_parallel: Annotated[int, Field(ge=1, le=256)] = 8
    python: str = ""
    cache_dir: str = ""
    scripted: ScriptedSettings = ScriptedSettings()
    ipex: IpexSettings = IpexSettings()
    openai: OpenAISettings = OpenAISettings()

    @field_validator("device")
    @classmethod
    def _known_device(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|gpu(\.\d+)?|xpu(:\d+)?|cuda(:\d+)?", device):
            raise ValueError("there is no such device; known: auto, cpu, gpu, gpu.1, xpu, cuda")
        return device


class GenerationSettings(_Section):
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    top_k: Annotated[int, Field(ge=0)] = 50
    repetition_penalty: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    max_new_tokens: Annotated[int, Field(ge=1)] = 512
    seed: Annotated[int, Field(ge=-1)] = -1

    def sampling(self) -> Sampling:
        """The same as the values that a generator takes."""
        values = self.model_dump()
        values["seed"] = None if self.seed < 0 else self.seed
        return Sampling(**values)


class ConversationSection(_Section):
    system_prompt: str = DEFAULT_SYSTEM_PROMPT
    scope: Literal["channel", "thread"] = "channel"
    show_names: bool = True


class StorageSettings(_Section):
    url: str = ""
    retention_days: Annotated[int, Field(ge=0)] = 0


class LimitSettings(_Section):
    queue: Annotated[int, Field(ge=1)] = 100
    queue_per_person: Annotated[int, Field(ge=1)] = 5
    answers_per_day: Annotated[int, Field(ge=0)] = 0
    tokens_per_day: Annotated[int, Field(ge=0)] = 0
    question_characters: Annotated[int, Field(ge=1)] = 20_000
    attachment_characters: Annotated[int, Field(ge=0)] = 12_000


class DeliverySettings(_Section):
    edit_interval: Annotated[float, Field(ge=0)] = 0.5
    max_messages: Annotated[int, Field(ge=1)] = 8
    checkpoint_interval: Annotated[float, Field(gt=0)] = 1.0
    after_restart: Literal["continue", "mark"] = "continue"


def _ids(value: object) -> object:
    """Ids may be written as numbers or texts; a variable of the environment holds several with
    commas between them."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [str(part) if isinstance(part, int) else part for part in value]
    return value


Ids = Annotated[frozenset[str], BeforeValidator(_ids)]


def _snowflakes(ids: frozenset[str]) -> frozenset[str]:
    for wrong in ids:
        if not re.fullmatch("[0-9]{1,20}", wrong):
            raise ValueError(
                "an id of Discord is a number such as 80351110224678912; with Developer Mode on, "
                "Copy ID in Discord's menus gives it"
            )
    return ids


Snowflakes = Annotated[Ids, AfterValidator(_snowflakes)]


def _url(schemes: str) -> AfterValidator:
    def check(url: str) -> str:
        if url and not re.fullmatch(rf"({schemes})://[^\s/]+(/\S*)?", url):
            raise ValueError(f"an address begins with {schemes.replace('|', ' or ')} and ://")
        return url.rstrip("/")

    return AfterValidator(check)


class DiscordSettings(_Section):
    token: SecretStr = SecretStr("")
    api_url: Annotated[str, _url("https|http")] = ""
    gateway_url: Annotated[str, _url("wss|ws")] = ""
    message_content: bool = True
    shards: Annotated[int, Field(ge=0)] = 1
    direct_messages: bool = True
    allowed_guilds: Snowflakes = frozenset()
    blocked_guilds: Snowflakes = frozenset()
    allowed_channels: Snowflakes = frozenset()
    blocked_channels: Snowflakes = frozenset()
    allowed_roles: Snowflakes = frozenset()
    blocked_roles: Snowflakes = frozenset()
    allowed_people: Snowflakes = frozenset()
    blocked_people: Snowflakes = frozenset()
    admin_roles: Snowflakes = frozenset()
    admin_people: Snowflakes = frozenset()


def _slack_ids(ids: frozenset[str]) -> frozenset[str]:
    for wrong in ids:
        if not re.fullmatch("[A-Z][A-Z0-9]{1,20}", wrong):
            raise ValueError(
                "an id of Slack is such as U024BE7LH or C024BE91L; it stands at the end of a "
                "profile's or a channel's details"
            )
    return ids


SlackIds = Annotated[Ids, AfterValidator(_slack_ids)]


class SlackSettings(_Section):
    bot_token: SecretStr = SecretStr("")
    app_token: SecretStr = SecretStr("")
    mode: Literal["socket", "http"] = "socket"
    signing_secret: SecretStr = SecretStr("")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 3000
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    public_url: Annotated[str, _url("https|http")] = ""
    base_url: Annotated[str, _url("https|http")] = ""
    streaming: bool = True
    allowed_workspaces: SlackIds = frozenset()
    blocked_workspaces: SlackIds = frozenset()
    allowed_channels: SlackIds = frozenset()
    blocked_channels: SlackIds = frozenset()
    allowed_people: SlackIds = frozenset()
    blocked_people: SlackIds = frozenset()
    admin_people: SlackIds = frozenset()

    @property
    def on(self) -> bool:
        """Parley is to speak on Slack."""
        return bool(self.bot_token.get_secret_value() or self.client_id)


class LogSettings(_Section):
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(_Section):
    """Everything that can be set. Made by `load`, once, at the start."""

    model: ModelSettings = ModelSettings()
    generation: GenerationSettings = GenerationSettings()
    conversation: ConversationSection = ConversationSection()
    storage: StorageSettings = StorageSettings()
    limits: LimitSettings = LimitSettings()
    delivery: DeliverySettings = DeliverySettings()
    discord: DiscordSettings = DiscordSettings()
    slack: SlackSettings = SlackSettings()
    log: LogSettings = LogSettings()

    _folder: Path = Path()
    """Of the configuration file: where relative paths begin."""
    _file: Path | None = None

    @property
    def file(self) -> Path | None:
        """The configuration file; None where there is none and the defaults count."""
        return self._file

    def path(self, text: str) -> Path:
        """`text` as a path: ``~`` is the home, a relative one begins at the settings' file."""
        return self._folder / Path(text).expanduser()

    @property
    def database_url(self) -> str:
        """``[storage] url`` with its default and its relative path resolved."""
        url = self.storage.url
        if not url:
            return f"sqlite:///{user_data_path(APP) / 'parley.sqlite3'}"
        if url.startswith("sqlite:///"):
            return f"sqlite:///{self.path(url.removeprefix('sqlite:///'))}"
        return url

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret that is set, for the log to blot out."""
        return tuple(_secrets(self))

    @property
    def cache_folder(self) -> Path:
        """``[model] cache_dir`` with its default: where converted models are kept."""
        if self.model.cache_dir:
            return self.path(self.model.cache_dir)
        return user_cache_path(APP)


def _secrets(section: BaseModel) -> Iterator[str]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _secrets(value)
        elif isinstance(value, SecretStr) and value.get_secret_value():
            yield value.get_secret_value()


# ---------------------------------------------------------------- reading


def load(file: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings from `file` and the environment.

    With no `file`: ``config.toml`` of the working directory, else the one in the user's
    configuration folder, else the defaults alone. Raises ConfigError naming every fault at once.
    """
    if file is None:
        found = next((path for path in _default_files() if path.is_file()), None)
    elif file.is_file():
        found = file
    else:
        raise ConfigError(
            f"{file}: there is no such file. Copy {EXAMPLE} there, or leave --config out."
        )
    source, data = _read(found) if found else ("", {})
    overrides = _from_environment(environment)
    merged = _merge(data, overrides.values)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as exc:
        faults = [
            explain(error, Settings, found, source, overrides.names) for error in exc.errors()
        ]
        raise ConfigError("\n".join(faults)) from None  # the cause would repeat the values
    settings._file = found.resolve() if found else None
    settings._folder = found.parent.resolve() if found else Path.cwd()
    return settings


def _default_files() -> tuple[Path, ...]:
    return (Path("config.toml"), user_config_path(APP) / "config.toml")


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{file}: this is not valid TOML: {exc}.") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file}: cannot be read: {exc}.") from exc


class _Overrides:
    """What the environment sets, and by which variable."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.names: dict[tuple[str, ...], str] = {}


def _from_environment(environment: Mapping[str, str]) -> _Overrides:
    """Variables ``PARLEY_SECTION__KEY``. Others that begin with PARLEY_ have no double underscore
    and are none of ours. Values are text; pydantic makes numbers of them."""
    overrides = _Overrides()
    for name, value in environment.items():
        if not name.startswith(ENV_PREFIX) or "__" not in name:
            continue
        path = tuple(name.removeprefix(ENV_PREFIX).lower().split("__"))
        table = overrides.values
        for key in path[:-1]:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise ConfigError(f"{name}: another variable sets all of [{'.'.join(path[:-1])}].")
        table[path[-1]] = value
        overrides.names[path] = name
    return overrides


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(value, dict) and isinstance(under, dict)
        merged[key] = _merge(under, value) if both else value  # type: ignore[arg-type]
    return merged
