"""`parley ask` and `parley complete`: one text in, one text out."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.limits import seconds
from tests.parley.parley_program import MAIN, SCRIPT, Program


def test_only_the_answer_is_on_stdout(program: Program) -> None:
    result = program.run("ask", "Hello")
    assert (result.returncode, result.stdout, result.stderr) == (0, SCRIPT + "\n", "")


def test_nothing_is_kept_without_a_conversation(program: Program) -> None:
    program.run("ask", "Hello")
    assert not program.database.exists()


def test_a_question_is_kept_in_its_conversation(program: Program) -> None:
    program.run("ask", "Hello", "--conversation", "notes")
    program.run("ask", "Again", "--conversation", "notes")
    (line,) = json.loads(program.run("history", "list", "--json").stdout)
    assert (line["conversation"], line["exchanges"]) == ("console:/notes", 2)


def test_the_question_can_come_from_standard_input(program: Program) -> None:
    assert program.run("ask", "-", typed="Hello\nthere\n").stdout == SCRIPT + "\n"
    empty = program.run("ask", "-", typed="  \n")
    assert empty.returncode == 1
    assert "the question is empty" in empty.stderr


def test_an_answer_that_is_cut_says_so_on_stderr(program: Program) -> None:
    result = program.run("ask", "Hello", "--max-new-tokens", "3")
    assert result.returncode == 0
    assert result.stdout.strip() == "One two three"
    assert "--max-new-tokens" in result.stderr


def test_a_system_prompt_stays_with_its_conversation(program: Program) -> None:
    result = program.run("ask", "Hello", "--conversation", "notes", "--system", "Be rude.")
    assert result.returncode == 0
    context = program.run("chat", "--conversation", "notes", typed="/system\n")
    assert context.stdout == "System prompt: Be rude.\n"


@pytest.mark.parametrize(
    "bad", [("--temperature", "3"), ("--max-new-tokens", "0"), ("--nonsense",)]
)
def test_a_command_line_that_makes_no_sense_ends_with_two(
    program: Program, bad: tuple[str, ...]
) -> None:
    result = program.run("ask", "Hello", *bad)
    assert result.returncode == 2
    assert bad[0] in result.stderr


def test_a_completion_is_the_text_that_follows(program: Program) -> None:
    result = program.run("complete", r"Q: What is CPU?\nA:", "--max-new-tokens", "3")
    assert (result.returncode, result.stdout, result.stderr) == (0, "One two three\n", "")


@pytest.mark.parametrize("command", ["ask", "complete"])
@pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes are Unix's")
def test_a_reader_who_leaves_ends_it_quietly(program: Program, command: str) -> None:
    program.settings["PARLEY_MODEL__SCRIPTED__TOKENS_PER_SECOND"] = "20"
    with started(program, command) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(seconds(120)) == 141


@pytest.mark.parametrize("command", ["ask", "complete"])
@pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes are Unix's")
def test_ctrl_c_ends_it_quietly(program: Program, command: str) -> None:
    program.settings["PARLEY_MODEL__SCRIPTED__TOKENS_PER_SECOND"] = "5"
    with started(program, command) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
        assert process.wait(seconds(120)) == 130
        assert b"ten" not in process.stdout.read()


def test_ctrl_c_leaves_a_stopped_answer_that_is_not_taken_up_again(program: Program) -> None:
    program.settings["PARLEY_MODEL__SCRIPTED__TOKENS_PER_SECOND"] = "5"
    with started(program, "ask", "--conversation", "notes") as process:
        assert process.stdout is not None
        process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=seconds(120))
    exported = json.loads(program.run("history", "export", "notes").stdout)
    assert exported["answers"][0]["state"] == "stopped"
    assert exported["answers"][0]["text"].startswith("One")


def started(program: Program, command: str, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*MAIN, command, "Hello", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=program.environment,
        cwd=program.folder,
        bufsize=0,
        start_new_session=os.name == "posix",
    )


def test_what_the_model_thinks_is_not_on_stdout(program: Program) -> None:
    program.settings["PARLEY_MODEL__SCRIPTED__TEXT"] = "<think>\nLet me see.\n</think>\n\nFine."
    plain = program.run("ask", "Hello", "--conversation", "notes")
    assert (plain.returncode, plain.stdout, plain.stderr) == (0, "Fine.\n", "")
    shown = program.run("ask", "Hello", "--thinking")
    assert (shown.stdout, shown.stderr) == ("Fine.\n", "Let me see.\n")
    exported = json.loads(program.run("history", "export", "notes").stdout)
    assert [(one["text"], one["thought"]) for one in exported["answers"]] == [
        ("Fine.", "Let me see.")
    ]


def test_a_thought_is_printed_while_the_model_thinks(program: Program) -> None:
    words = " ".join(f"hm{number}" for number in range(2000))
    program.settings["PARLEY_MODEL__SCRIPTED__TEXT"] = f"<think>{words}</think>Fine."
    program.settings["PARLEY_MODEL__SCRIPTED__TOKENS_PER_SECOND"] = "20"
    with started(program, "ask", "--thinking") as process:
        assert process.stderr is not None
        assert process.stderr.read(3) == b"hm0"
        process.send_signal(signal.SIGINT)  # long before the 100 seconds of its thought
        out, thought = process.communicate(timeout=seconds(120))
    assert process.returncode == 130
    assert b"hm1999" not in thought
    assert out == b""
