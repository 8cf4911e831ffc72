"""Settings are read from the file and the environment, and every fault gets one clear line."""

from pathlib import Path

import pytest

from bot.config import Settings, load
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
        "config.example.toml lists them all."
    )


def test_an_unknown_section_is_named_with_the_known_ones(tmp_path: Path) -> None:
    said = fault(write(tmp_path, "[telegram]\ntoken = 'x'\n"))
    assert ":1: [telegram] is not a setting; known here: model, generation" in said


def test_a_wrong_type_is_named_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, '[generation]\ntemperature = "hot"\n')
    assert fault(file).startswith(f"{file}:2: [generation] temperature: input should be a valid")


def test_a_wrong_variable_is_named_by_its_name() -> None:
    assert fault(None, {"PARLEY_LIMITS__QUEUE": "many"}).startswith(
        "PARLEY_LIMITS__QUEUE: [limits] queue: input should be a valid integer"
    )
    assert fault(None, {"PARLEY_LIMIT__QUEUE": "5"}).startswith(
        "PARLEY_LIMIT__QUEUE: [limit] is not a setting; did you mean limits?"
    )


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    said = fault(write(tmp_path, '[model]\nname = 4\ndevice = "tpu"\n[limits]\nqueue = 0\n'))
    assert [line.split(": ")[1] for line in said.splitlines()] == [
        "[model] name",
        "[model] device",
        "[limits] queue",
    ]
    assert "there is no such device; known: auto, cpu" in said


def test_a_missing_file_and_broken_toml_are_told(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.toml"
    assert fault(missing).startswith(f"{missing}: there is no such file")
    file = write(tmp_path, "[model\nname = 1")
    assert fault(file).startswith(f"{file}: this is not valid TOML")
    file.write_bytes(b'[model]\nname = "\xff"')
    assert fault(file).startswith(f"{file}: cannot be read")


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


def test_a_list_in_the_environment_is_parted_by_commas() -> None:
    variables = {"PARLEY_MODEL__OPENAI__BASE_URLS": "http://a/v1, http://b/v1"}
    assert load(None, variables).model.openai.base_urls == ("http://a/v1", "http://b/v1")


def test_a_negative_seed_draws_a_new_one_each_time() -> None:
    assert Settings().generation.sampling() == Sampling()
    assert load(None, {"PARLEY_GENERATION__SEED": "3"}).generation.sampling().seed == 3


def test_lists_of_ids_take_numbers_texts_and_commas(tmp_path: Path) -> None:
    file = write(tmp_path, '[discord]\nadmin_people = [1, "2"]\n')
    settings = load(file, {"PARLEY_DISCORD__ALLOWED_GUILDS": "3, 4"})
    assert settings.discord.admin_people == {"1", "2"}
    assert settings.discord.allowed_guilds == {"3", "4"}


def test_an_id_that_is_none_is_explained_at_its_list(tmp_path: Path) -> None:
    file = write(tmp_path, '[discord]\nadmin_people = ["Ana"]\n')
    assert fault(file).startswith(f"{file}:2: [discord] admin_people: an id of Discord is a number")


def test_an_address_without_its_scheme_is_explained() -> None:
    said = fault(None, {"PARLEY_DISCORD__API_URL": "localhost:8080"})
    assert said.startswith("PARLEY_DISCORD__API_URL: [discord] api_url: an address begins with")
