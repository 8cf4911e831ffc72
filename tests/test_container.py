"""The files for containers agree with the program and with each other."""

import re
from pathlib import Path

from bot.config import Settings, load
from tests.test_readme import program

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "compose.env.example").read_text(encoding="utf-8")


def test_the_image_runs_commands_of_the_program() -> None:
    commands = re.findall(
        r'^(?:CMD|ENTRYPOINT) \[(.*)\]|CMD \["parley", "(\w+)"\]', DOCKERFILE, re.MULTILINE
    )
    named = [
        word.strip('"') for each in commands for word in re.findall(r"\w[\w-]*", " ".join(each))
    ]
    assert {"health", "run"} <= set(named)
    assert set(named) - {"tini", "parley"} <= set(program())


def test_the_image_gets_what_the_package_is_built_from_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    kept = {line[1:] for line in lines if line.startswith("!")}
    built_from = {"pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"}
    assert built_from | {"config.example.toml", "adapters", "bot", "parley", "storage"} == kept
    assert all((ROOT / name).exists() for name in kept)


def test_every_variable_of_the_example_is_a_setting() -> None:
    variables = dict(re.findall(r"^#(PARLEY_\w+__\w+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert len(variables) > 6
    settings = load(None, variables)
    assert settings.model.backend == "openai"
    assert settings != Settings()


def test_every_profile_and_variable_of_the_example_is_in_the_compose_file() -> None:
    profiles = set(re.findall(r"profiles: \[(\w+)\]", COMPOSE))
    assert profiles == {"postgres", "ovms", "vllm"}
    gpu = (ROOT / "compose.gpu.yaml").read_text(encoding="utf-8")
    own = set(re.findall(r"^#((?!PARLEY_|COMPOSE_)\w+)=", EXAMPLE, re.MULTILINE))
    assert own <= set(re.findall(r"\$\{(\w+)", COMPOSE + gpu))
