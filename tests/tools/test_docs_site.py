"""Links of the documentation fit the site that is built from it."""

import re

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from bot.config import Settings
from parley.program import app
from tools.docs_site import PAGES, ROOT, adapted

FORGE = "https://forge.example/parley/"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("[c](../CONTRIBUTING.md)", "[c](contributing.md)"),
        ("[c](../CHANGELOG.md#fixed)", "[c](changelog.md#fixed)"),
        ("[m](models.md#gguf)", "[m](models.md#gguf)"),
        ("[x](https://example.org/a)", "[x](https://example.org/a)"),
        ("[e](../config.example.toml)", "e"),
    ],
)
def test_a_link_in_docs_leads_to_the_page_or_becomes_text(link: str, expected: str) -> None:
    assert adapted(link, at_top=False, forge=None) == expected


def test_a_link_of_the_readme_into_docs_leads_to_the_page() -> None:
    assert adapted("[m](docs/models.md)", at_top=True, forge=None) == "[m](models.md)"
    assert adapted('<img src="docs/a.svg">', at_top=True, forge=None) == '<img src="a.svg">'


def test_other_files_lead_to_the_forge_where_one_is_named() -> None:
    expected = "[e](https://forge.example/parley/blob/main/config.example.toml)"
    assert adapted("[e](../config.example.toml)", at_top=False, forge=FORGE) == expected


def test_a_link_whose_text_is_a_path_shows_the_title_of_the_page() -> None:
    assert adapted("[docs/slack.md](docs/slack.md)", at_top=True, forge=None) == (
        "[Parley on Slack](slack.md)"
    )
    assert adapted("[slack.md](slack.md#a)", at_top=False, forge=None) == (
        "[Parley on Slack](slack.md#a)"
    )
    assert adapted("![x.svg](docs/x.svg)", at_top=True, forge=None) == "![x.svg](x.svg)"


def test_every_document_is_a_page_of_the_site() -> None:
    nav = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"[\w-]+\.md", nav)
    pages = {file.name for file in (ROOT / "docs").glob("*.md")} | set(PAGES.values())
    assert sorted(listed) == sorted(pages), "add it to nav in mkdocs.yml"


def test_code_is_left_alone() -> None:
    text = "```sh\nsee [c](../CONTRIBUTING.md)\n```"
    assert adapted(text, at_top=False, forge=None) == text


def test_settings_and_commands_of_the_troubleshooting_page_exist() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    named = re.findall(r"`\[(\w+)\] (\w+)", page)
    settings = Settings()
    assert len(named) > 8
    assert [each for each in named if not hasattr(getattr(settings, each[0]), each[1])] == []
    program = get_command(app)
    assert isinstance(program, TyperGroup)
    for first in re.findall(r"`parley (\w+)", page):
        assert first in program.commands
