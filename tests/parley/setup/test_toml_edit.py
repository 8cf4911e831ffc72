"""A configuration file that people wrote keeps everything but the keys that change."""

import tomllib

import pytest

from bot.config_errors import Keys
from bot.errors import ConfigError
from parley.setup.toml_edit import CONFIG_HEADER, Value, difference, edited, made_by_setup, without

MINE = """\
# My bot.   Two   spaces stay.

[model]   # which one
name = 'old'  # a small one
device = "gpu"

# Who may ask
[discord]
allowed_guilds = [1,
  2, # the second
]
"""


def test_only_the_changed_key_differs_and_comments_stay() -> None:
    after = edited(MINE, {("model", "name"): "demo"})
    assert after == MINE.replace("'old'", '"demo"')


def test_keys_and_tables_that_are_missing_are_added() -> None:
    changes: dict[Keys, Value] = {
        ("model", "openai", "base_urls"): ["http://h/v1"],
        ("slack", "mode"): "socket",
    }
    after = edited(MINE, changes)
    assert after.startswith(MINE[: MINE.index("# Who may ask")].rstrip())
    parsed = tomllib.loads(after)
    assert parsed["model"]["openai"] == {"base_urls": ["http://h/v1"]}
    assert parsed["slack"] == {"mode": "socket"}
    assert parsed["discord"] == {"allowed_guilds": [1, 2]}
    for line in MINE.splitlines():
        assert line in after.splitlines()


def test_a_key_that_has_its_value_is_not_touched() -> None:
    same: dict[Keys, Value] = {("model", "name"): "old", ("model", "device"): "gpu"}
    assert edited(MINE, same) == MINE


def test_dotted_keys_and_inline_tables_are_edited_where_they_are() -> None:
    assert edited('model.name = "a"\n', {("model", "name"): "b"}) == 'model.name = "b"\n'
    after = edited('model = { name = "a" } # mine\n', {("model", "name"): "b"})
    assert after == 'model = { name = "b" } # mine\n'


def test_an_empty_file_begins_with_what_it_is() -> None:
    after = edited("", {("model", "name"): "demo"}, CONFIG_HEADER)
    assert after.startswith(CONFIG_HEADER)
    assert tomllib.loads(after) == {"model": {"name": "demo"}}
    assert made_by_setup(after)
    assert made_by_setup("")
    assert not made_by_setup(MINE)


def test_a_table_that_is_none_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"\[model\] is no table"):
        edited("model = 3\n", {("model", "name"): "x"})
    with pytest.raises(ConfigError, match="not valid TOML"):
        edited("[model\n", {("model", "name"): "x"})


def test_a_diff_shows_the_changed_line_and_no_secret() -> None:
    before = '[discord]\ntoken = "very-secret"\n[model]\nname = "old"\n'
    shown = difference(
        before, edited(before, {("model", "name"): "demo"}), "config.toml", ["very-secret"]
    )
    assert '-name = "old"' in shown
    assert '+name = "demo"' in shown
    assert "very-secret" not in shown


def test_keys_are_taken_out_and_all_else_stays() -> None:
    text = '[discord]\n# mine\ntoken = "x"\nshards = 2\n[slack]\nbot_token = "y"\n'
    after = without(text, [("discord", "token"), ("slack", "bot_token"), ("slack", "missing")])
    assert after == "[discord]\n# mine\nshards = 2\n[slack]\n"
