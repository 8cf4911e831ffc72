"""A hook of mkdocs: pages from the files above docs/, and links that fit the site.

README.md, CONTRIBUTING.md and CHANGELOG.md become pages. Links from docs/ to them lead to those
pages; links to other files of the repository lead to the forge where `repo_url` is set in
mkdocs.yml, and are plain text where it is not.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Files above docs/, and their pages."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
_IMAGE = re.compile(r'src="docs/')


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made of files above docs/."""
    file = import_module("mkdocs.structure.files").File  # mkdocs is where the site is built
    for name, page in PAGES.items():
        content = adapted((ROOT / name).read_text("utf-8"), at_top=True, forge=config["repo_url"])
        files.append(file.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001
    """Adapt the links of a page in docs/."""
    if page.file.src_uri in PAGES.values():
        return markdown
    return adapted(markdown, at_top=False, forge=config["repo_url"])


def adapted(markdown: str, *, at_top: bool, forge: str | None) -> str:
    """`markdown` with its links changed for the site. `at_top`: it stands above docs/. A link whose
    text is a path gets the title of the page as its text."""

    def replaced(found: "re.Match[str]") -> str:
        image, text, target, anchor = found[1], found[2], found[3], found[4] or ""
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        place = target if at_top else (target[3:] if target.startswith("../") else f"docs/{target}")
        page = PAGES.get(place) or (place[5:] if place.startswith("docs/") else "")
        if page:
            shown = title(place) if text in (place, page) and page.endswith(".md") else text
            return f"{image}[{shown}]({page}{anchor})"
        if forge:
            return f"[{text}]({forge.rstrip('/')}/blob/main/{place}{anchor})"
        return text

    outside_fences = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    outside_fences[::2] = [_LINK.sub(replaced, part) for part in outside_fences[::2]]
    text = "".join(outside_fences)
    return _IMAGE.sub('src="', text) if at_top else text


def title(place: str) -> str:
    """The heading of a page, by its path in the repository; the path where it has none."""
    file = ROOT / place
    text = file.read_text("utf-8") if file.is_file() else ""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1] if found else place
