"""The dashboard, the alert rules and the documentation speak of metrics that exist, and of all."""

import json
import re
from pathlib import Path

from tests.parley.web.scene import web_scene, web_settings

PROJECT = Path(__file__).parents[3]
NAME = re.compile(r"\b(?:parley|process)_[a-z_]+[a-z]\b")


async def names(folder: Path) -> set[str]:
    """The names of all samples that /metrics may have, and of their families."""
    async with web_scene(web_settings(folder)) as scene:
        await scene.answer()
        text = await (await (await scene.browser()).get("/metrics")).text()
    families = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    found = set(families)
    for name, kind in families.items():
        if kind == "histogram":
            found |= {f"{name}_{end}" for end in ("bucket", "sum", "count")}
    return {name for name in found if not name.endswith("_created")}


async def test_the_dashboard_shows_metrics_that_exist(tmp_path: Path) -> None:
    dashboard = json.loads((PROJECT / "deploy" / "grafana.json").read_text(encoding="utf-8"))
    used = [
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in NAME.findall(target["expr"])
    ]
    assert len(dashboard["panels"]) >= 12
    assert used
    assert not set(used) - await names(tmp_path)


async def test_alerts_are_about_metrics_that_exist(tmp_path: Path) -> None:
    text = (PROJECT / "deploy" / "alerts.yml").read_text(encoding="utf-8")
    used = [name for name in NAME.findall(text) if name.startswith("parley_")]
    assert len(set(used)) >= 7
    assert not set(used) - await names(tmp_path)


async def test_the_documentation_names_exactly_the_metrics_that_exist(tmp_path: Path) -> None:
    text = (PROJECT / "docs" / "web.md").read_text(encoding="utf-8")
    documented = {name for name in NAME.findall(text) if name.startswith("parley_")}
    existing = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for name in await names(tmp_path)
        if name.startswith("parley_")
    }
    assert documented == existing


async def test_no_label_is_of_a_person_or_a_place(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        await scene.answer()
        text = await (await (await scene.browser()).get("/metrics")).text()
    labels = set(re.findall(r'[{,](\w+)="', text))
    fixed = {"platform", "model", "state", "kind", "reason", "le"}
    assert labels <= fixed | {"version", "backend", "device", "low_bit"}
