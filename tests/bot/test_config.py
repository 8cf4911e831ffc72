"""Settings are read from the file and the environment, and every fault gets one clear line."""

import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from bot.config import ServerModelSettings, Settings, load
from bot.config_errors import TomlFile, expected_of, explain
from bot.database_url import sqlite_file
from bot.errors import ConfigError
from bot.messages import Sampling

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


def write(folder: Path, text: str) -> Path:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def fault(file: Path | None, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, environment or {})
    return str(caught.value)


def leaves(table: dict[str, object], path: str = "") -> set[str]:
    names: set[str] = set()
    for key, value in table.items():
        name = f"{path}.{key}" if path else key
        names |= leaves(value, name) if isinstance(value, dict) else {name}
    return names


def test_the_example_names_every_setting_with_its_default() -> None:
    import tomllib

    written = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert leaves(written) == leaves(Settings().model_dump())
    assert load(EXAMPLE, {}).model_dump() == Settings().model_dump()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, '[model]\nname = "llama"\ndevice = "gpu"\n')
    settings = load(file, {"PARLEY_MODEL__NAME": "other", "PARLEY_LIMITS__QUEUE": "7"})
    assert (settings.model.name, settings.model.device) == ("other", "gpu")
    assert settings.limits.queue == 7


def test_other_variables_that_begin_alike_are_left_alone() -> None:
    assert load(None, {"PARLEY_HOME": "/somewhere", "PATH": "x"}) == load(None, {})


def test_an_unknown_setting_is_named_with_its_line_and_the_likely_one(tmp_path: Path) -> None:
    file = write(tmp_path, '# my settings\n[model]\nname = "demo"\ncontxt = 2048\n')
    assert fault(file) == (
        f"{file}:4: [model] contxt is not a setting; did you mean context? "
        "parley config example prints them all."
    )


def test_an_unknown_section_is_named_with_the_known_ones(tmp_path: Path) -> None:
    said = fault(write(tmp_path, "[telegram]\ntoken = 'x'\n"))
    assert ":1: [telegram] is not a setting; known here: model, models, generation" in said


def test_a_wrong_type_is_named_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, '[generation]\ntemperature = "hot"\n')
    assert fault(file) == (
        f'{file}:2: [generation] temperature: "hot" is not a number; give a number from 0 to 2, '
        "such as 0.7."
    )


def test_a_wrong_variable_is_named_by_its_name() -> None:
    assert fault(None, {"PARLEY_LIMITS__QUEUE": "many"}) == (
        'PARLEY_LIMITS__QUEUE: [limits] queue: "many" is not a whole number; give 1 or more, such '
        "as 100."
    )
    assert fault(None, {"PARLEY_LIMIT__QUEUE": "5"}).startswith(
        "PARLEY_LIMIT__QUEUE: [limit] is not a setting; did you mean limits?"
    )


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    said = fault(write(tmp_path, '[model]\nname = 4\ndevice = "tpu"\n[limits]\nqueue = 0\n'))
    assert [line.split(": ")[1] for line in said.splitlines()] == [
        "[model] name",
        "[model] device",
        "[limits] queue",
    ]
    assert '"tpu" is not a device; give "auto", "cpu", "gpu"' in said


def test_a_missing_file_and_broken_toml_are_reported(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.toml"
    assert fault(missing).startswith(f"{missing}: there is no such file")
    file = write(tmp_path, "[model\nname = 1")
    assert fault(file).startswith(f"{file}:1: this is not valid TOML")
    file.write_bytes(b'[model]\nname = "\xff"')
    assert fault(file) == (
        f"{file}:2: the file cannot be read (its byte 0xFF is not valid UTF-8): save it as UTF-8."
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes('[model]\r\nname = "Zoë"\r\n'.encode(encoding))
    assert load(file, {}).model.name == "Zoë"


def test_utf_16_without_a_mark_says_how_to_save_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes('[model]\nname = "x"'.encode("utf-16-le"))
    assert fault(file) == (
        f"{file}:1: the file cannot be read (it is UTF-16 without a byte order mark, not UTF-8): "
        "save it as UTF-8."
    )


@pytest.mark.parametrize("path", [r"C:\Users\me", r"C:\models", r"C:\xyz", r"\\server\share"])
def test_a_windows_path_in_double_quotes_gets_a_hint_at_single_quotes(
    tmp_path: Path, path: str
) -> None:
    file = write(tmp_path, f'[model]\nname = "demo"\ncache_dir = "{path}"\n')
    said = fault(file)
    assert said.startswith(f"{file}:3: in double quotes a backslash begins an escape sequence")
    assert r"'C:\Users\me'" in said
    assert load(write(tmp_path, f"[model]\ncache_dir = '{path}'\n"), {}).model.cache_dir == path


@pytest.mark.parametrize(
    ("section", "key"),
    [("model", "name"), ("model", "python"), ("model", "cache_dir"), ("storage", "url")],
)
def test_an_escape_sequence_that_is_valid_in_a_path_gets_the_same_hint(
    tmp_path: Path, section: str, key: str
) -> None:
    said = fault(write(tmp_path, f'[{section}]\n{key} = "C:\\temp"\n'))
    assert f"[{section}] {key}: " in said
    assert "in single quotes, 'C:\\temp'" in said


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "{b=" * 5_000, "[" * 100_000])
def test_deep_nesting_is_one_line(tmp_path: Path, text: str) -> None:
    assert "this is not valid TOML" in fault(write(tmp_path, text))
    said = fault(None, {"PARLEY_MODEL__OPENAI__BASE_URLS": "[" * 100_000})
    assert said.startswith("PARLEY_MODEL__OPENAI__BASE_URLS: ")


AWKWARD = ["what?", "a?b=c", "no #1", "100%", "50%41", "a b & c", "naïve 名", "a;b@c:d", "(x)'[y]"]


@pytest.mark.parametrize("name", AWKWARD)
def test_a_database_is_in_exactly_the_path_that_is_written(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    relative = load(write(folder, '[storage]\nurl = "sqlite:///data.sqlite3"\n'), {})
    assert sqlite_file(relative.database_url) == folder / "data.sqlite3"
    file = folder / f"{name}.sqlite3"
    absolute = load(None, {"PARLEY_STORAGE__URL": f"sqlite:///{file}"})
    assert sqlite_file(absolute.database_url) == file
    monkeypatch.setattr("bot.config.user_data_path", lambda _: folder)
    assert sqlite_file(load(None, {}).database_url) == folder / "parley.sqlite3"


def test_a_database_whose_address_was_percent_encoded_is_still_found(tmp_path: Path) -> None:
    file = write(tmp_path, '[storage]\nurl = "sqlite:///my%20data.sqlite3"\n')
    assert sqlite_file(load(file, {}).database_url) == tmp_path / "my%20data.sqlite3"
    (tmp_path / "my data.sqlite3").touch()
    assert sqlite_file(load(file, {}).database_url) == tmp_path / "my data.sqlite3"
    (tmp_path / "my%20data.sqlite3").touch()
    assert sqlite_file(load(file, {}).database_url) == tmp_path / "my%20data.sqlite3"


def test_an_unknown_home_folder_is_one_line(tmp_path: Path) -> None:
    settings = load(write(tmp_path, '[model]\ncache_dir = "~nobody-of-that-name/x"\n'), {})
    with pytest.raises(ConfigError, match="~nobody-of-that-name/x: this home folder is not known"):
        _ = settings.cache_folder


def test_secrets_are_shown_nowhere(tmp_path: Path) -> None:
    secret = "a-secret-that-nobody-may-see"
    settings = load(write(tmp_path, f'[discord]\ntoken = "{secret}"\n'), {})
    assert settings.discord.token.get_secret_value() == secret
    assert secret not in repr(settings) + str(settings) + str(settings.model_dump())
    wrong = write(tmp_path, f'[discord]\ntoken = ["{secret}"]\n[slack]\nbot_tokn = "{secret}"\n')
    assert secret not in fault(wrong)
    assert secret not in fault(None, {"PARLEY_SLACK__BOT_TOKEN__X": secret})


def test_every_secret_is_known_to_be_one() -> None:
    variables = {
        "PARLEY_DISCORD__TOKEN": "one",
        "PARLEY_SLACK__APP_TOKEN": "two",
        "PARLEY_MODEL__OPENAI__API_KEY": "three",
    }
    assert set(load(None, variables).secrets) == {"one", "two", "three"}


def test_relative_paths_begin_at_the_file(tmp_path: Path) -> None:
    file = write(
        tmp_path, '[storage]\nurl = "sqlite:///data/parley.db"\n[model]\ncache_dir = "c"\n'
    )
    settings = load(file, {})
    assert settings.database_url == f"sqlite:///{tmp_path / 'data' / 'parley.db'}"
    assert settings.cache_folder == tmp_path / "c"
    assert load(None, {}).database_url.endswith("parley.sqlite3")


@pytest.mark.parametrize(
    "value",
    ["http://a/v1, http://b/v1", '["http://a/v1", "http://b/v1"]', "http://a/v1,http://b/v1,"],
)
def test_a_list_in_the_environment_is_json_or_separated_by_commas(value: str) -> None:
    settings = load(None, {"PARLEY_MODEL__OPENAI__BASE_URLS": value})
    assert settings.model.openai.base_urls == ("http://a/v1", "http://b/v1")


def test_a_negative_seed_draws_a_new_one_each_time() -> None:
    assert Settings().generation.sampling() == Sampling(max_thinking_tokens=2048)
    assert load(None, {"PARLEY_GENERATION__SEED": "3"}).generation.sampling().seed == 3


def test_lists_of_ids_take_numbers_texts_and_commas(tmp_path: Path) -> None:
    file = write(tmp_path, '[discord]\nadmin_people = [1, "2"]\n')
    settings = load(file, {"PARLEY_DISCORD__ALLOWED_GUILDS": "3, 4"})
    assert settings.discord.admin_people == {"1", "2"}
    assert settings.discord.allowed_guilds == {"3", "4"}


def test_an_id_that_is_none_is_explained_at_its_list(tmp_path: Path) -> None:
    file = write(tmp_path, '[discord]\nadmin_people = ["Ana"]\n')
    assert fault(file).startswith(
        f'{file}:2: [discord] admin_people: "Ana" is not an id of Discord; give a list such as '
        '["80351110224678912", "197038439483310086"], each member a number, which Copy ID in'
    )


def test_an_address_without_its_scheme_is_explained() -> None:
    said = fault(None, {"PARLEY_DISCORD__API_URL": "localhost:8080"})
    assert said == (
        'PARLEY_DISCORD__API_URL: [discord] api_url: "localhost:8080" is not an address; give one '
        'that begins with https:// or http://, such as "https://discord.com/api/v10".'
    )


def test_a_setting_that_two_variables_set_at_once_is_reported() -> None:
    said = fault(None, {"PARLEY_MODEL__NAME__X": "y", "PARLEY_MODEL__NAME": "demo"})
    assert said.startswith("PARLEY_MODEL__NAME__X: PARLEY_MODEL__NAME sets this already")


# ---------------------------------------------------------------- every setting, every wrong value

Keys = tuple[str, ...]


def fields(model: type[BaseModel] = Settings, above: Keys = ()) -> Iterator[tuple[Keys, FieldInfo]]:
    """Every setting with its field, sections too; of further models those of one table."""
    for name, field in model.model_fields.items():
        keys = (*above, name)
        if keys == ("models",):
            yield from fields(ServerModelSettings, (*keys, "large"))
            continue
        yield keys, field
        if is_section(field):
            yield from fields(typing.cast("type[BaseModel]", field.annotation), keys)


def is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


FIELDS = dict(fields())
LISTS = [
    keys for keys, field in FIELDS.items() if not is_section(field) and expected_of(field).member
]
each_field = pytest.mark.parametrize("keys", FIELDS, ids=".".join)
each_list = pytest.mark.parametrize("keys", LISTS, ids=".".join)

SECRET = "s3cret"
WRONG: list[Any] = [
    SECRET, "", "[", '["a"', 2.5, -1e9, 1e9, -(10**5000), float("nan"), None, {"s3cret": SECRET},
    [[SECRET]], [None], [{"a": SECRET}], True, object(),
]  # fmt: skip

PYDANTIC = ["input should", "unable to parse", "value error", "valid integer", "extra inputs"]


def faults_of(keys: Keys, value: object) -> list[str]:
    nested = value
    for key in reversed(keys):
        nested = {key: nested}
        if keys[0] == "models" and key == keys[-1] != "base_urls":
            nested["base_urls"] = ["http://10.0.0.3:8000/v1"]  # which every table needs
    try:
        Settings.model_validate(nested)
    except ValidationError as error:
        fault = error
    else:
        return []
    files = [TomlFile(Path("config.toml"), "", {})]
    lines = explain(fault, Settings, files, {})
    assert not [e["msg"] for e in fault.errors() if e["msg"].lower() in str(lines).lower()]
    return lines


@each_field
def test_every_wrong_value_is_reported_in_words_of_our_own_with_what_would_be_right(
    keys: Keys,
) -> None:
    section = ".".join(keys[:-1])
    name = f"[{section}] {keys[-1]}: " if section else f"[{keys[-1]}]: "
    unknown = f"config.toml: [{'.'.join(keys)}] s3cret is not a setting; known here: "
    told = [line for value in WRONG for line in faults_of(keys, value)]
    assert len(told) >= 3
    for line in told:
        assert not [phrase for phrase in PYDANTIC if phrase in line.lower()]
        assert line.startswith((f"config.toml: {name}", unknown))
        assert "; give " in line or "; write " in line or line.startswith(unknown)
        assert "\n" not in line


@each_field
def test_a_remedy_names_what_the_field_itself_allows(keys: Keys) -> None:
    field = FIELDS[keys]
    if is_section(field):
        assert all(name in faults_of(keys, 3)[0] for name in field.annotation.model_fields)  # type: ignore[union-attr]
        return
    remedy = faults_of(keys, {"a": "table"})[0].split("; give ")[1]
    if typing.get_origin(field.annotation) is Literal:
        assert all(json.dumps(choice) in remedy for choice in typing.get_args(field.annotation))
    for rule in field.metadata:
        for bound in ("ge", "gt", "le", "lt"):
            if hasattr(rule, bound):
                assert re.search(rf"(^|\s){re.escape(str(getattr(rule, bound)))}\b", remedy)


@each_field
def test_the_example_in_a_remedy_is_itself_allowed(keys: Keys) -> None:
    field = FIELDS[keys]
    for example in field.examples or ():
        assert faults_of(keys, example) == []
    if not is_section(field) and field.annotation not in (SecretStr, bool):
        expected = expected_of(field)
        assert expected.choices or "such as" in expected.remedy


@pytest.mark.parametrize(
    "keys", [keys for keys, field in FIELDS.items() if field.annotation is SecretStr], ids=".".join
)
def test_no_wrong_value_of_a_secret_is_shown(keys: Keys) -> None:
    for value in WRONG:
        assert all(
            SECRET not in line.partition(" is not a setting")[2] for line in faults_of(keys, value)
        )
        assert all("2.5" not in line for line in faults_of(keys, value))


def test_a_long_value_or_one_with_a_password_is_not_shown() -> None:
    token = "xoxb-1234567890-1234567890123-abcdefghijklmnopqrstuvwx"
    assert token not in faults_of(("slack", "admin_people"), [token])[0]
    assert "hunter2" not in faults_of(("discord", "api_url"), "me:hunter2@host")[0]


@each_list
def test_every_list_takes_json_and_commas_from_the_environment(keys: Keys) -> None:
    example = (FIELDS[keys].examples or [[]])[0]
    assert example
    variable = "PARLEY_" + "__".join(keys).upper()
    loaded = []
    for value in (json.dumps(example), ", ".join(example)):
        settings: Any = load(None, {variable: value})
        for key in keys:
            of_tables = isinstance(settings, dict)
            settings = settings[key] if of_tables else getattr(settings, key)
        loaded.append(sorted(settings))
    assert loaded == [sorted(example)] * 2


def test_a_broken_list_in_the_environment_is_reported() -> None:
    said = fault(None, {"PARLEY_SLACK__ADMIN_PEOPLE": '["U024BE7LH"'})
    assert said.startswith("PARLEY_SLACK__ADMIN_PEOPLE: [slack] admin_people: ")
    assert "is not a list; give a list such as" in said


def test_a_choice_that_is_nearly_right_is_suggested() -> None:
    said = faults_of(("model", "backend"), "openvin")[0]
    assert '"openvin" is not one of the choices (did you mean "openvino"?); give "auto", ' in said


# ---------------------------------------------------------------- further models


def test_the_example_of_a_further_model_names_every_setting_of_it() -> None:
    import tomllib

    lines = EXAMPLE.read_text(encoding="utf-8").split("[models.large]\n")[1].split("\n\n")[0]
    settings = re.findall(r"^# ([a-z_]+ = .*)$", lines, re.MULTILINE)
    written = tomllib.loads("\n".join(settings))
    defaults = ServerModelSettings.model_validate({"base_urls": written["base_urls"]})
    assert ServerModelSettings.model_validate(written) == defaults
    assert set(written) == set(ServerModelSettings.model_fields)


def test_further_models_come_from_the_file_the_secrets_and_variables(tmp_path: Path) -> None:
    file = write(tmp_path, '[models.large]\nbase_urls = "http://a/v1"\nmax_parallel = 2\n')
    (tmp_path / "secrets.toml").write_text('[models.large]\napi_key = "hidden"\n')
    settings = load(file, {"PARLEY_MODELS__TINY__BASE_URLS": "http://b/v1,http://c/v1"})
    assert set(settings.models) == {"large", "tiny"}
    large = settings.models["large"]
    assert (large.base_urls, large.max_parallel) == (("http://a/v1",), 2)
    assert large.api_key.get_secret_value() == "hidden"
    assert settings.secrets == ("hidden",)
    assert settings.models["tiny"].base_urls == ("http://b/v1", "http://c/v1")
    assert settings.origin("models", "large", "api_key") == "secrets.toml"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[models.a]\nmodel = 'x'\n", ":1: [models.a] base_urls is not set; give a list such as"),
        ("[models.a]\nbase_urls = []\n", ":2: [models.a] base_urls: a list is too short;"),
        (
            "[models.a]\nbase_urls = 'u'\ncontxt = 3\n",
            ":3: [models.a] contxt is not a setting; did you mean context?",
        ),
        (
            "[models.Large]\nbase_urls = 'u'\n",
            ":1: [models] Large is not a name for it; give small letters and digits",
        ),
        ("[models.default]\nbase_urls = 'u'\n", ":1: [models] default is not a name for it;"),
        ("[models]\na = 3\n", ":2: [models] a: this number is not a section; write a line [models"),
        ("models = 3\n", ":1: [models]: this number is not a table; write a line [models.NAME]"),
    ],
)
def test_a_wrong_further_model_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    file = write(tmp_path, text)
    assert fault(file).startswith(f"{file}{said}")
