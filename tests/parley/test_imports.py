"""What each command loads: help comes at once, and no model library comes at all."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from bot import config_types
from parley import options
from tests.limits import seconds
from tests.parley.parley_program import Program

MODEL_LIBRARIES = {
    "torch",
    "openvino",
    "openvino_genai",
    "transformers",
    "ipex_llm",
    "gguf",
    "numpy",
}
PLATFORMS = {"discord", "slack_bolt", "slack_sdk"}


def modules_after(program: Program, *arguments: str) -> set[str]:
    """The top-level modules that the process holds when the command has run."""
    code = (
        "import sys\nfrom parley import main\n"
        f"sys.argv[1:] = {list(arguments)!r}\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('\\nMODULES', *{name.partition('.')[0] for name in sys.modules})"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=program.environment,
        cwd=program.folder,
        stdin=subprocess.DEVNULL,
        timeout=seconds(120),
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.rpartition("MODULES")[2].split())


@pytest.mark.parametrize(
    "command", [("chat",), ("ask", "Hi"), ("complete", "Hi"), ("history", "list"), ("status",)]
)
def test_no_command_of_the_terminal_loads_a_model_or_a_platform(
    program: Program, command: tuple[str, ...]
) -> None:
    assert not modules_after(program, *command) & (MODEL_LIBRARIES | PLATFORMS)


def test_help_loads_next_to_nothing(program: Program) -> None:
    loaded = modules_after(program, "--help")
    assert not loaded & {"pydantic", "sqlalchemy", "prompt_toolkit", "asyncio", "adapters"}


@pytest.mark.process
def test_the_prompt_of_the_chat_needs_neither_the_engine_nor_the_database() -> None:
    code = "import sys, parley.commands.chat_work; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=seconds(120),
        check=True,
    )
    assert "prompt_toolkit" in found.stdout.split()
    late = {"aiohttp", "sqlalchemy", "rich", "markdown_it", "bot.engine", "bot.delivery", "storage"}
    assert not late & set(found.stdout.split())


def test_the_list_of_what_is_kept_loads_no_chat(program: Program) -> None:
    assert not modules_after(program, "history", "list") & {"prompt_toolkit", "tokenizers"}


def test_what_is_written_twice_for_the_sake_of_speed_is_the_same() -> None:
    assert get_args(options.LowBit) == get_args(config_types.LowBit)


def test_the_worker_may_import_no_module_of_the_core() -> None:
    project = Path(__file__).parents[2]
    tools = tomllib.loads((project / "pyproject.toml").read_text())["tool"]
    (contract,) = (c for c in tools["importlinter"]["contracts"] if c["type"] == "forbidden")
    core = {f"bot.{path.stem}" for path in (project / "bot").iterdir() if is_module(path)}
    assert set(contract["forbidden_modules"]) == {
        *(core - {"bot.__init__", "bot.worker"}),
        *("parley", "adapters", "storage"),
    }


def is_module(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").is_file()
