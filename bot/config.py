"""The settings: a TOML file, one for secrets beside it, and environment variables, validated before
anything starts.

``config.example.toml``, which ``parley config example`` prints, documents every setting. The
variable ``PARLEY_MODEL__NAME`` overrides ``[model] name``. ``secrets.toml`` in the folder of
``config.toml`` has the same tables: the environment counts before it, and it before
``config.toml``. `secrets_beside` says where it is. Unknown settings and wrong values raise
ConfigError with one line each: the place, what is wrong, and what would be right
(`bot.config_errors`). A secret is a `SecretStr`, which no message and no repr shows.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from platformdirs import user_cache_path, user_config_path, user_data_path
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)

from bot.config_errors import Keys, Means, TomlFile, explain, not_toml
from bot.config_types import (
    BackendName,
    Device,
    DiscordIds,
    FilePath,
    HostNames,
    ListenAddress,
    LowBit,
    ModelName,
    Networks,
    PasswordHash,
    SlackIds,
    Texts,
    TimeZone,
    VariableNames,
    WebAddress,
    WebSocketAddress,
)
from bot.database_url import sqlite_file, sqlite_url
from bot.errors import ConfigError
from bot.files import NotText, others_may_read, read_text
from bot.messages import Reasoning, Sampling

APP = "parley"
ENV_PREFIX = "PARLEY_"
DEFAULT_SYSTEM_PROMPT = (
    "You are Parley, a friendly assistant in a chat. Answer helpfully, honestly and briefly. "
    "Today is {weekday}, {date}."
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ScriptedSettings(_Section):
    """``[model.scripted]``: the backend for rehearsals."""

    text: str = "This is a rehearsal: no model is loaded."
    tokens_per_second: Annotated[float, Field(gt=0)] = 20.0


class IpexSettings(_Section):
    """``[model.ipex]``: options of ipex-llm."""

    cpu_embedding: Literal["auto"] | bool = "auto"
    optimize_model: bool = True


class OpenVinoSettings(_Section):
    """``[model.openvino]``: options of the openvino backend."""

    kv_cache: Literal["auto", "int8"] = "auto"


class TorchSettings(_Section):
    """``[model.torch]``: options of the torch backend."""

    compile: Literal["off", "on"] = "off"


class LlamaCppSettings(_Section):
    """``[model.llamacpp]``: the llama-server that runs GGUF files."""

    server: Annotated[FilePath, Field(examples=["/usr/local/bin/llama-server"])] = ""
    gpu_layers: Annotated[int, Field(ge=-1, examples=[20]), Means("as many as fit")] = -1
    arguments: Annotated[Texts, Field(examples=[["--threads", "8"]])] = ()


class OpenAISettings(_Section):
    """``[model.openai]``: servers with OpenAI's API."""

    base_urls: Annotated[Texts, Field(examples=[["http://10.0.0.2:8000/v1"]])] = ()
    model: Annotated[str, Field(examples=["meta-llama/Llama-2-7b-chat-hf"])] = ""
    api_key: SecretStr = SecretStr("")


class ModelSettings(_Section):
    """``[model]``: the model, its backend, device, quantization and context window."""

    name: Annotated[FilePath, Field(min_length=1)] = "demo"
    backend: BackendName = "auto"
    device: Device = "auto"
    low_bit: LowBit = "auto"
    context: Annotated[int, Field(ge=0, examples=[4096]), Means("as large as fits")] = 0
    max_parallel: Annotated[int, Field(ge=1, le=256)] = 8
    python: Annotated[FilePath, Field(examples=["~/torch/bin/python"])] = ""
    environment: VariableNames = ()
    cache_dir: Annotated[FilePath, Field(examples=["/var/cache/parley"])] = ""
    reasoning: Reasoning = Reasoning.AUTO
    scripted: ScriptedSettings = ScriptedSettings()
    openvino: OpenVinoSettings = OpenVinoSettings()
    torch: TorchSettings = TorchSettings()
    ipex: IpexSettings = IpexSettings()
    llamacpp: LlamaCppSettings = LlamaCppSettings()
    openai: OpenAISettings = OpenAISettings()


class ServerModelSettings(_Section):
    """``[models.NAME]``: a further model, on servers with OpenAI's API."""

    base_urls: Annotated[Texts, Field(min_length=1, examples=[["http://10.0.0.3:8000/v1"]])]
    model: Annotated[str, Field(examples=["Qwen/Qwen3-32B"])] = ""
    api_key: SecretStr = SecretStr("")
    context: Annotated[int, Field(ge=0, examples=[8192]), Means("as large as the server says")] = 0
    max_parallel: Annotated[int, Field(ge=1, le=256)] = 8


class GenerationSettings(_Section):
    """``[generation]``: sampling parameters and the length limit of answers."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    top_k: Annotated[int, Field(ge=0), Means("no limit")] = 50
    repetition_penalty: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    max_new_tokens: Annotated[int, Field(ge=1)] = 512
    max_thinking_tokens: Annotated[int, Field(ge=0), Means("no thinking")] = 2048
    seed: Annotated[int, Field(ge=-1, examples=[42]), Means("a new one each time")] = -1

    def sampling(self) -> Sampling:
        """These settings as the sampling parameters of one generation; a negative seed is None."""
        values = self.model_dump()
        values["seed"] = None if self.seed < 0 else self.seed
        return Sampling(**values)


class ConversationSection(_Section):
    """``[conversation]``: the system prompt, and what counts as one conversation."""

    system_prompt: str = DEFAULT_SYSTEM_PROMPT
    time_zone: TimeZone = ""
    scope: Literal["channel", "thread"] = "channel"
    parallel: Annotated[int, Field(ge=1, le=256)] = 8
    show_names: bool = True
    channel_context: Annotated[int, Field(ge=0, le=100), Means("none")] = 0
    thinking: Literal["hide", "fold"] = "hide"
    summaries: bool = True
    ignore_prefix: Annotated[str, Field(max_length=10)] = "//"


class StorageSettings(_Section):
    """``[storage]``: the database and how long it keeps conversations."""

    url: Annotated[FilePath, Field(examples=["sqlite:///parley.sqlite3"])] = ""
    retention_days: Annotated[int, Field(ge=0, examples=[90]), Means("forever")] = 0


class LimitSettings(_Section):
    """``[limits]``: the queue, quotas for each person, and lengths of questions."""

    queue: Annotated[int, Field(ge=1)] = 100
    queue_per_person: Annotated[int, Field(ge=1)] = 5
    answers_per_day: Annotated[int, Field(ge=0, examples=[50]), Means("no limit")] = 0
    tokens_per_day: Annotated[int, Field(ge=0, examples=[20_000]), Means("no limit")] = 0
    question_characters: Annotated[int, Field(ge=1)] = 20_000
    attachment_characters: Annotated[int, Field(ge=0), Means("reads no files")] = 12_000


class DeliverySettings(_Section):
    """``[delivery]``: how growing answers are shown and saved."""

    edit_interval: Annotated[float, Field(ge=0)] = 0.5
    max_messages: Annotated[int, Field(ge=1)] = 8
    checkpoint_interval: Annotated[float, Field(gt=0)] = 1.0
    after_restart: Literal["continue", "mark"] = "continue"
    delete_with_question: bool = False
    catch_up_days: Annotated[int, Field(ge=0, le=365), Means("off")] = 7
    catch_up_minutes: Annotated[int, Field(ge=0, le=10_080), Means("off")] = 15


class DiscordSettings(_Section):
    """``[discord]``: token, gateway and access lists."""

    token: SecretStr = SecretStr("")
    api_url: Annotated[WebAddress, Field(examples=["https://discord.com/api/v10"])] = ""
    gateway_url: Annotated[WebSocketAddress, Field(examples=["wss://gateway.discord.gg"])] = ""
    message_content: bool = True
    register_commands: bool = True
    shards: Annotated[int, Field(ge=0), Means("as many as Discord recommends")] = 1
    direct_messages: bool = True
    answer_all_channels: DiscordIds = frozenset()
    allowed_guilds: DiscordIds = frozenset()
    blocked_guilds: DiscordIds = frozenset()
    allowed_channels: DiscordIds = frozenset()
    blocked_channels: DiscordIds = frozenset()
    allowed_roles: DiscordIds = frozenset()
    blocked_roles: DiscordIds = frozenset()
    allowed_people: DiscordIds = frozenset()
    blocked_people: DiscordIds = frozenset()
    admin_roles: DiscordIds = frozenset()
    admin_people: DiscordIds = frozenset()


class SlackSettings(_Section):
    """``[slack]``: tokens, transport and access lists."""

    bot_token: SecretStr = SecretStr("")
    app_token: SecretStr = SecretStr("")
    mode: Literal["socket", "http"] = "socket"
    signing_secret: SecretStr = SecretStr("")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 3000
    client_id: Annotated[str, Field(examples=["2210535565.1234567890"])] = ""
    client_secret: SecretStr = SecretStr("")
    public_url: Annotated[WebAddress, Field(examples=["https://parley.example.org"])] = ""
    base_url: Annotated[WebAddress, Field(examples=["https://slack-gov.com/api/"])] = ""
    streaming: bool = True
    reply_in: Literal["thread", "channel"] = "thread"
    answer_all_channels: SlackIds = frozenset()
    allowed_workspaces: SlackIds = frozenset()
    blocked_workspaces: SlackIds = frozenset()
    allowed_channels: SlackIds = frozenset()
    blocked_channels: SlackIds = frozenset()
    allowed_people: SlackIds = frozenset()
    blocked_people: SlackIds = frozenset()
    admin_people: SlackIds = frozenset()

    @property
    def on(self) -> bool:
        """Whether a bot token or an app's client id is set, so that Parley connects to Slack."""
        return bool(self.bot_token.get_secret_value() or self.client_id)


class WebSettings(_Section):
    """``[web]``: the server with health, metrics and the operator's page."""

    listen: ListenAddress = ""
    allowed_hosts: HostNames = ()
    trusted_proxies: Networks = ()
    password_hash: PasswordHash = SecretStr("")
    metrics_token: SecretStr = SecretStr("")

    @property
    def address(self) -> tuple[str, int]:
        """`listen` as host, without brackets, and port; ("", 0) where the server is off."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port or 0)


class LogSettings(_Section):
    """``[log]``: what is logged, and how a line looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Settings(_Section):
    """All settings. `load` makes the one instance at startup; it is immutable."""

    model: ModelSettings = ModelSettings()
    models: dict[ModelName, ServerModelSettings] = {}
    generation: GenerationSettings = GenerationSettings()
    conversation: ConversationSection = ConversationSection()
    storage: StorageSettings = StorageSettings()
    limits: LimitSettings = LimitSettings()
    delivery: DeliverySettings = DeliverySettings()
    discord: DiscordSettings = DiscordSettings()
    slack: SlackSettings = SlackSettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()

    _folder: Path = Path()
    """The folder of the configuration file, to which relative paths are relative."""
    _file: Path | None = None
    _secrets_file: Path | None = None
    _written: tuple[TomlFile, ...] = ()
    """The files that were read; what an earlier one says counts."""
    _variables: Mapping[Keys, str] = {}
    """The environment variables that set something."""

    def origin(self, *keys: str) -> str:
        """Where the setting ``keys``, such as ("model", "name"), comes from: the name of the
        environment variable or of the file that sets it, or "default"."""
        if variable := self._variables.get(keys):
            return variable
        return next((file.path.name for file in self._written if file.sets(keys)), "default")

    @property
    def file(self) -> Path | None:
        """The configuration file; None where none was found."""
        return self._file

    @property
    def secrets_file(self) -> Path | None:
        """The file of secrets beside the configuration file; None where there is none."""
        return self._secrets_file

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the operator should change although the settings are valid, a line each."""
        file = self._secrets_file
        if file is None or not others_may_read(file):
            return ()
        line = f"{file}: other users of this machine can read these secrets; end that with: "
        return (f"{line}chmod 600 {file}",)

    def path(self, text: str) -> Path:
        """`text` as a path: ``~`` is the user's home, and a relative path is relative to the folder
        of the configuration file, or to the working directory where there is no such file. Raises
        ConfigError where the home folder that it names is not known."""
        try:
            return self._folder / Path(text).expanduser()
        except RuntimeError as exc:
            raise ConfigError(f"{text}: this home folder is not known; write it out.") from exc

    @property
    def database_url(self) -> str:
        """``[storage] url`` with its default, and with a relative SQLite path made absolute."""
        url = self.storage.url
        if not url:
            return sqlite_url(user_data_path(APP) / "parley.sqlite3")
        if not url.startswith("sqlite:///") or (named := sqlite_file(url)) is None:
            return url
        file = self.path(str(named))
        # Parley 0.1.0 took "%20" for a space: its databases are found where it made them.
        earlier = self.path(unquote(str(named)))
        decoded = earlier != file and _exists(earlier) and not _exists(file)
        return sqlite_url(earlier if decoded else file)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret that is set, for the log to redact."""
        return tuple(_secrets(self))

    @property
    def cache_folder(self) -> Path:
        """``[model] cache_dir`` with its default: the folder of the converted models."""
        if self.model.cache_dir:
            return self.path(self.model.cache_dir)
        return user_cache_path(APP)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # not to be looked at, or too long a name
        return False


def _secrets(section: BaseModel) -> Iterator[str]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _secrets(value)
        elif isinstance(value, dict):
            for table in value.values():
                yield from _secrets(table)
        elif isinstance(value, SecretStr) and value.get_secret_value():
            yield value.get_secret_value()


# ---------------------------------------------------------------- reading


def load(file: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of `file`, overridden by `environment`, validated.

    With no `file`: ``config.toml`` in the working directory, else the one in the user's
    configuration folder, else the defaults alone. Raises ConfigError, with one line for each fault,
    where a named file is missing, a file cannot be read, or a setting is unknown or wrong.
    """
    if file is None:
        found = next((path for path in default_files() if _exists(path)), None)
    elif _exists(file):
        found = file
    else:
        raise ConfigError(
            f"{file}: there is no such file. Leave --config out, or make it with: "
            f"parley config example --output {file}"
        )
    return read_settings(found, environment)


def read_settings(found: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the file `found` and of the secrets beside it, overridden by `environment`,
    validated; with None those of the environment alone. Raises ConfigError as `load` does."""
    secrets = secrets_beside(found) if found else None
    files = [_read(path) for path in (secrets, found) if path is not None and _exists(path)]
    overrides, variables = _from_environment(environment)
    values: Mapping[str, Any] = {}
    for each in reversed(files):
        values = _merge(values, each.content)
    try:
        settings = Settings.model_validate(_merge(values, overrides))
    except ValidationError as exc:
        faults = explain(exc, Settings, files, variables)
        raise ConfigError("\n".join(faults)) from None  # the cause would repeat the values
    settings._file = found.resolve() if found else None
    settings._written, settings._variables = tuple(files), variables
    settings._folder = found.parent.resolve() if found else Path.cwd()
    if secrets is not None and _exists(secrets):
        settings._secrets_file = secrets.resolve()
    return settings


def default_files() -> tuple[Path, ...]:
    """Where the configuration file is looked for, the first one first."""
    return (Path("config.toml"), user_config_path(APP) / "config.toml")


def secrets_beside(file: Path) -> Path:
    """The file of secrets that belongs to the configuration file `file`, whether it exists or not:
    ``secrets.toml`` beside ``config.toml``, ``NAME.secrets.toml`` beside any other ``NAME.toml``,
    so that two bots may have their files in one folder."""
    name = "secrets.toml" if file.name == "config.toml" else f"{file.stem}.secrets.toml"
    return file.with_name(name)


def _read(file: Path) -> TomlFile:
    """A TOML file. Raises ConfigError."""
    try:
        text = read_text(file)
        return TomlFile(file, text, tomllib.loads(text))
    except NotText as exc:
        raise ConfigError(
            f"{file}:{exc.line}: the file cannot be read ({exc}): save it as UTF-8."
        ) from exc
    except (ValueError, RecursionError) as exc:  # TOMLDecodeError, or a number too long for int()
        raise ConfigError(not_toml(file, exc)) from exc
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be read: {exc.strerror}.") from exc


def _from_environment(environment: Mapping[str, str]) -> tuple[dict[str, Any], dict[Keys, str]]:
    """The values of the variables ``PARLEY_SECTION__KEY``, nested by section, and the name of the
    variable for each setting. Variables without the double underscore are not settings
    (``PARLEY_HOME``). Raises ConfigError where one variable sets a value and another a key in it.
    """
    values: dict[str, Any] = {}
    variables: dict[Keys, str] = {}
    for name in sorted(environment):  # PARLEY_A__B comes before PARLEY_A__B__C
        if not name.startswith(ENV_PREFIX) or "__" not in name:
            continue
        keys = tuple(name.removeprefix(ENV_PREFIX).lower().split("__"))
        table = values
        for depth, key in enumerate(keys[:-1], start=1):
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                other = variables[keys[:depth]]
                raise ConfigError(f"{name}: {other} sets this already; unset one of the two.")
        table[keys[-1]] = environment[name]
        variables[keys] = name
    return values, variables


def _merge(defaults: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Both as one, section by section; where both have a value, `overrides`' counts."""
    merged = dict(defaults)
    for key, value in overrides.items():
        below = merged.get(key)
        both = isinstance(value, dict) and isinstance(below, dict)
        merged[key] = _merge(below, value) if both else value  # type: ignore[arg-type]
    return merged
