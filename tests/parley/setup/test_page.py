"""The operator's page is offered, kept, and its password saved as a hash."""

import tomllib
from pathlib import Path

import pytest

from bot.checks import State
from bot.errors import ConfigError
from parley.setup.answers import Answers
from parley.setup.page import LISTEN, offer_page
from parley.web.check_password import matches
from tests.parley.setup.script import session

PASSWORD = "correct horse battery"
SERVE, FIRST, AGAIN = "Serve it at", "A password for it", "The same password again"


def saved(folder: Path) -> dict[str, object]:
    """What both files have in the section ``[web]``."""
    files = (folder / "config.toml", folder / "secrets.toml")
    found = [tomllib.loads(file.read_text()) for file in files if file.exists()]
    return {key: value for one in found for key, value in one.get("web", {}).items()}


def hash_in(folder: Path) -> str:
    return str(saved(folder)["password_hash"])


async def test_the_page_is_offered_and_its_address_and_the_link_are_named(tmp_path: Path) -> None:
    script = ((SERVE, True), (FIRST, ""))
    made, asker, screen = session(tmp_path / "config.toml", *script)
    assert await offer_page(made) == LISTEN
    assert (saved(tmp_path), asker.left_over) == ({"listen": LISTEN}, [])
    assert screen.of(State.OK)[-1] == f"The page is at http://{LISTEN} while Parley runs."
    assert "parley web link" in screen.text


async def test_a_password_is_saved_as_its_hash_alone(tmp_path: Path) -> None:
    script = ((SERVE, True), (FIRST, PASSWORD), (AGAIN, PASSWORD))
    made, _, screen = session(tmp_path / "config.toml", *script)
    assert await offer_page(made)
    assert matches(hash_in(tmp_path), PASSWORD)
    written = "".join(file.read_text() for file in tmp_path.iterdir())
    assert PASSWORD not in written + screen.text
    assert (tmp_path / "secrets.toml").stat().st_mode & 0o777 == 0o600


async def test_a_password_that_is_too_short_or_typed_differently_is_asked_for_again(
    tmp_path: Path,
) -> None:
    script = (
        (SERVE, True),
        (FIRST, "short"),
        (FIRST, PASSWORD),
        (AGAIN, "something else"),
        (FIRST, PASSWORD),
        (AGAIN, PASSWORD),
    )
    made, asker, screen = session(tmp_path / "config.toml", *script)
    assert await offer_page(made)
    assert asker.left_over == []
    assert [text.split(";")[0] for text in screen.of(State.FAILED)] == [
        "A password has 10 to 1,024 characters",
        "The two passwords differ.",
    ]
    assert matches(hash_in(tmp_path), PASSWORD)


async def test_a_second_run_keeps_the_page_and_its_password(tmp_path: Path) -> None:
    script = ((SERVE, True), (FIRST, PASSWORD), (AGAIN, PASSWORD))
    made, _, _ = session(tmp_path / "config.toml", *script)
    await offer_page(made)
    before = saved(tmp_path)
    for answers in (Answers(environment={}), Answers(yes=True, environment={})):
        made, asker, _ = session(tmp_path / "config.toml", answers=answers)
        assert await offer_page(made) == LISTEN
        assert (asker.asked, saved(tmp_path)) == ([], before)


async def test_an_address_that_somebody_chose_stays(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[web]\nlisten = "127.0.0.1:9999"\n', encoding="utf-8")
    made, _, screen = session(file, answers=Answers(web=True, environment={}))
    assert await offer_page(made) == "127.0.0.1:9999"
    assert "http://127.0.0.1:9999" in screen.text


async def test_scripts_answer_with_options(tmp_path: Path) -> None:
    environment = {"PASS": PASSWORD}
    answers = Answers(yes=True, web_password_env="PASS", environment=environment)
    made, _, _ = session(tmp_path / "config.toml", answers=answers)
    assert await offer_page(made) == LISTEN
    assert matches(hash_in(tmp_path), PASSWORD)
    off = Answers(yes=True, web=False, environment={})
    made, _, screen = session(tmp_path / "config.toml", answers=off)
    assert await offer_page(made) == ""
    assert saved(tmp_path)["listen"] == ""
    assert screen.of(State.SKIPPED) == [f'No page. Turn it on later: [web] listen = "{LISTEN}"']


async def test_a_script_that_says_nothing_about_it_gets_no_page(tmp_path: Path) -> None:
    made, _, _ = session(tmp_path / "config.toml", answers=Answers(yes=True, environment={}))
    assert await offer_page(made) == ""
    assert saved(tmp_path) == {}


async def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    answers = Answers(yes=True, web_password_env="PASS", environment={})
    made, _, _ = session(tmp_path / "config.toml", answers=answers)
    with pytest.raises(ConfigError, match="--web-password-env PASS"):
        await offer_page(made)
