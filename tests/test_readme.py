"""The README, and the documents for contributors, agree with the program."""

import re
import tomllib
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from bot.config import Settings
from bot.delivery.rendering import place_note
from parley.program import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def paths(group: TyperGroup, before: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every command as it is typed, with its options."""
    for name, command in group.commands.items():
        path = f"{before} {name}".strip()
        yield path, {option for each in command.params for option in each.opts}
        if isinstance(command, TyperGroup):
            yield from paths(command, path)


def program() -> dict[str, set[str]]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return dict(paths(group))


@pytest.mark.parametrize(
    "said", sorted(set(re.findall(r"^parley (.+)|`parley (.+?)`", README, re.MULTILINE)))
)
def test_every_command_of_the_readme_exists(said: tuple[str, str]) -> None:
    commands = program()
    words = (said[0] or said[1]).split()
    path = next(p for n in (2, 1) if (p := " ".join(words[:n])) in commands)
    for option in re.findall(r"(?<!\S)--[a-z-]+", " ".join(words)):
        assert option in commands[path]


def test_every_command_of_the_program_is_in_the_readme() -> None:
    missing = [
        path
        for path in program()
        if " " not in path and f"`parley {path}" not in README and f"\nparley {path}" not in README
    ]
    assert missing == []


def test_the_readmes_settings_are_settings() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    Settings.model_validate(tomllib.loads(block))
    for variable in re.findall(r"PARLEY_[A-Z_]+", README):
        *sections, key = variable.removeprefix("PARLEY_").lower().split("__")
        holder = reduce(getattr, sections, Settings())
        assert key in type(holder).model_fields


def test_the_command_for_uv_names_the_package_and_the_program() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (program_name,) = project["scripts"]
    assert f"uvx --from {project['name']} {program_name} chat" in README
    assert f"pipx install {project['name']}" in README


def test_the_comparison_has_ten_rows_and_says_what_parley_lacks() -> None:
    table = README[README.index("## Compared with others") :].split("\n\n")[2]
    heading, _, *rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    assert len(rows) == 10
    assert {len(row) for row in rows} == {5 + 1}
    assert heading[0] == "Parley"
    assert sum(row[1] == "–" for row in rows) >= 2


def test_every_heading_to_which_the_readme_links_is_there() -> None:
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    linked = re.findall(r"\]\(#([^)]+)\)", README)
    assert linked
    assert set(linked) <= anchors


@pytest.mark.parametrize(
    "link",
    sorted(set(re.findall(r"\]\(((?!http)[^)#]+)", README + CONTRIBUTING + SECURITY))),
)
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).is_file()


def test_every_path_in_the_documents_exists() -> None:
    packages = "adapters|bot|docs|parley|storage|tests|tools"
    named = re.findall(rf"`((?:{packages})(?:/[\w.-]+)*)`", README + GLOSSARY + CONTRIBUTING)
    assert len(named) > 50
    assert [path for path in sorted(set(named)) if not (ROOT / path).exists()] == []


def test_the_glossary_is_in_alphabetical_order() -> None:
    terms = re.findall(r"^\| (.+?) \|", GLOSSARY, re.MULTILINE)
    assert terms[0] == "Term"
    assert terms[1:] == sorted(terms[1:], key=str.lower)


def test_the_picture_shows_the_program_as_it_is() -> None:
    picture = (ROOT / "docs" / "session.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    assert "You talk with Parley demo" in picture
    assert "Stream Chat with Parley demo stopped." in picture
    assert "http://" not in picture.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("chat-discord.svg", ("@Parley", "Regenerate", "Stop", place_note(1))),
        ("chat-slack.svg", ("@Parley", "Regenerate", "Continue", "Stopped.", "deleted for good")),
    ],
)
def test_the_pictures_of_the_platforms_show_them_as_they_are(
    file: str, shown: tuple[str, ...]
) -> None:
    picture = (ROOT / "docs" / file).read_text(encoding="utf-8")
    assert [text for text in shown if text not in picture] == []
    assert file in README
