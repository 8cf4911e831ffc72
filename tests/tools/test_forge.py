"""The forge's workflows, issue forms and hooks name what exists."""

import re
from pathlib import Path
from typing import Any

import pytest

from tools.release import ROOT

yaml: Any = pytest.importorskip("yaml")

FORGE = ROOT / ".github"
WORKFLOWS = sorted((FORGE / "workflows").glob("*.yml"))
FORMS = sorted(
    set((FORGE / "ISSUE_TEMPLATE").glob("*.yml")) - {FORGE / "ISSUE_TEMPLATE/config.yml"}
)
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def read(file: Path) -> dict[Any, Any]:
    content = yaml.safe_load(file.read_text("utf-8"))
    assert isinstance(content, dict)
    return content


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in read(workflow)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_every_target_that_a_workflow_makes_exists(workflow: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    made = {
        word
        for step in steps(workflow)
        for command in re.findall(r"^make (.+)$", step.get("run", ""), re.MULTILINE)
        for word in command.split()
        if "=" not in word
    }
    assert made
    assert made <= targets


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_a_job_waits_only_for_jobs_that_exist(workflow: Path) -> None:
    jobs = read(workflow)["jobs"]
    for job in jobs.values():
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(jobs)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_what_one_job_downloads_another_has_uploaded(workflow: Path) -> None:
    names: dict[str, set[str]] = {"upload-artifact": set(), "download-artifact": set()}
    for step in steps(workflow):
        for action, seen in names.items():
            if action in step.get("uses", ""):
                seen.add(step["with"]["name"])
    assert names["download-artifact"] <= names["upload-artifact"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_may_only_read_unless_a_job_says_more(workflow: Path) -> None:
    assert read(workflow)["permissions"] == {"contents": "read"}


def test_only_the_job_that_publishes_can_identify_itself_to_pypi() -> None:
    jobs = read(FORGE / "workflows" / "release.yml")["jobs"]
    identified = [name for name, job in jobs.items() if "id-token" in job.get("permissions", {})]
    assert identified == ["pypi"]
    assert {"build", "tests"} <= set(jobs["pypi"]["needs"])


def test_ci_tests_every_version_of_python_that_the_package_names() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    named = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    jobs = read(FORGE / "workflows" / "ci.yml")["jobs"]
    assert jobs["linux"]["strategy"]["matrix"]["python"] == named
    assert set(jobs["windows"]["strategy"]["matrix"]["python"]) <= set(named)


@pytest.mark.parametrize("form", FORMS, ids=lambda file: file.stem)
def test_an_issue_form_has_what_the_forge_requires(form: Path) -> None:
    content = read(form)
    assert {"name", "description", "body"} <= set(content)
    ids = [each["id"] for each in content["body"] if each["type"] != "markdown"]
    assert ids
    assert len(set(ids)) == len(ids)
    for link in re.findall(r"\]\(\.\./blob/main/([^)]+)\)", form.read_text("utf-8")):
        assert (ROOT / link).is_file()


def test_the_hooks_before_a_commit_are_the_checks_of_make_lint_and_make_types() -> None:
    (repo,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    hooks = {hook["entry"].replace(" --force-exclude", "") for hook in repo["hooks"]}
    lint = re.findall(r"^\t\$\(BIN\)/(.+)$", MAKEFILE[MAKEFILE.index("\nlint:") :], re.MULTILINE)[
        :4
    ]
    assert hooks == {f".venv/bin/{command.removesuffix(' .')}" for command in lint}
