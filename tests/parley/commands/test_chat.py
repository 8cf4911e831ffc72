"""`parley chat`, as a person sees it and as a script does."""

import signal
import sys

import pytest

from tests.parley.parley_program import SCRIPT, Program

if sys.platform == "win32":
    pytest.skip("needs a Unix terminal", allow_module_level=True)

SLOW = {"PARLEY_MODEL__SCRIPTED__TOKENS_PER_SECOND": "10"}
PROMPT = "\n>"


def test_two_turns_and_the_word_stop(program: Program) -> None:
    with program.in_terminal("chat") as chat:
        chat.wait_for(PROMPT)
        chat.type("Hello\r")
        chat.wait_for("tokens/s")
        chat.type("And now?\r")
        chat.wait_for("tokens/s", times=2)
        chat.type("stop\r")
        chat.wait_for("Stream Chat with scripted stopped.")
        assert chat.ended() == 0
        assert chat.terminal.text.count(SCRIPT) == 2
        assert chat.terminal.text.count("> Hello") == 1


def test_ctrl_c_stops_the_answer_and_not_the_program(program: Program) -> None:
    program.settings |= SLOW
    with program.in_terminal("chat") as chat:
        chat.wait_for(PROMPT)
        chat.type("Hello\r")
        chat.wait_for("One two")
        chat.type("\x03")
        chat.wait_for("stopped: /continue resumes it")
        assert "ten." not in chat.terminal.text
        chat.type("/continue\r")
        chat.wait_for("ten.")
        chat.wait_for("tokens/s")
        chat.type("\x03")
        assert chat.ended() == 0


def test_what_is_typed_during_an_answer_waits_for_the_prompt(program: Program) -> None:
    program.settings |= SLOW
    with program.in_terminal("chat") as chat:
        chat.wait_for(PROMPT)
        chat.type("Hello\r")
        chat.wait_for("One")
        chat.type("/help\r")
        chat.wait_for("tokens/s")
        shown = chat.wait_for("Alt-Enter")
        assert SCRIPT in shown
        assert shown.count("/help\n") == 1
        chat.type("\x04")
        assert chat.ended() == 0


def test_a_long_answer_is_whole_in_the_scrollback_of_a_small_terminal(program: Program) -> None:
    answer = "\n\n".join(f"Paragraph {n} says **something** of `{n}`." for n in range(30))
    program.settings["PARLEY_MODEL__SCRIPTED__TEXT"] = answer
    with program.in_terminal("chat", columns=30, lines=8) as chat:
        chat.wait_for(PROMPT)
        chat.type("Go\r")
        chat.wait_for("tokens/s")
        for number in range(30):
            assert chat.terminal.text.count(f"Paragraph {number} says") == 1


def test_without_colours_where_no_color_says_so(program: Program) -> None:
    with program.in_terminal("chat", NO_COLOR="1") as chat:
        chat.wait_for(PROMPT)
        chat.type("/nonsense\r")
        chat.wait_for("not a command")
        colours = {
            char.fg for line in chat.terminal.screen.buffer.values() for char in line.values()
        }
        assert colours <= {"default"}


def test_an_answer_that_a_crash_left_is_taken_up_with_its_question(program: Program) -> None:
    program.settings |= SLOW | {"PARLEY_DELIVERY__CHECKPOINT_INTERVAL": "0.05"}
    with program.in_terminal("chat") as chat:
        chat.wait_for(PROMPT)
        chat.type("Hello\r")
        chat.wait_for("One two three")
        chat.signal(signal.SIGKILL)
        chat.ended()
    with program.in_terminal("chat") as chat:
        shown = chat.wait_for("tokens/s")
        assert "> Hello" in shown
        assert shown.count(SCRIPT) == 1


def test_sigterm_leaves_the_terminal_as_it_was(program: Program) -> None:
    with program.in_terminal("chat") as chat:
        chat.wait_for(PROMPT)
        chat.signal(signal.SIGTERM)
        assert chat.ended() == 143
        assert not chat.terminal.screen.cursor.hidden
        assert "Traceback" not in chat.terminal.text


def test_one_chat_at_a_time_in_a_conversation(program: Program) -> None:
    with program.in_terminal("chat") as chat:
        chat.wait_for(PROMPT)
        second = program.run("chat", typed="Hello\n")
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert "--conversation NAME" in second.stderr
        assert program.run("chat", "--conversation", "other", typed="Hello\n").returncode == 0


def test_through_pipes_the_answers_are_plain_text(program: Program) -> None:
    result = program.run("chat", typed="Hello\n\nAnd now?\n")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{SCRIPT}\n{SCRIPT}\n", "")


def test_through_pipes_what_went_wrong_is_on_stderr_and_in_the_exit_code(
    program: Program,
) -> None:
    result = program.run("chat", typed="/nonsense\nHello\nstop\n")
    assert result.returncode == 1
    assert result.stdout == f"{SCRIPT}\nStream Chat with scripted stopped.\n"
    assert "/nonsense is not a command" in result.stderr


def test_the_log_is_in_a_file_and_holds_no_text(program: Program) -> None:
    with program.in_terminal("chat") as chat:
        chat.wait_for(PROMPT)
        chat.type("My secret\r")
        chat.wait_for("tokens/s")
        chat.type("\x04")
        chat.ended()
    log = program.log.read_text()
    assert "secret" not in log
    assert "three" not in log


def test_what_is_typed_while_the_model_loads_waits_for_the_prompt(program: Program) -> None:
    with program.in_terminal("chat") as chat:
        chat.wait_for_written("Loading")
        chat.type("Hello\r")
        shown = chat.wait_for("tokens/s")
        assert shown.count("Hello") == 1
        assert shown.index("You talk with") < shown.index("> Hello") < shown.index(SCRIPT)


def loads_until(program: Program, file: str) -> None:
    """A model that loads until the file is there."""
    python = program.folder / "python"
    waits = f"while ! [ -e {program.folder / file} ]; do sleep 0.05; done"
    python.write_text(f'#!/bin/sh\n{waits}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    program.settings["PARLEY_MODEL__PYTHON"] = str(python)


def test_the_prompt_is_there_before_the_model(program: Program) -> None:
    loads_until(program, "loaded")
    with program.in_terminal("chat") as chat:
        chat.wait_for("Loading")
        assert ">" in chat.terminal.lines[0]
        chat.type("Hel")
        chat.wait_for("> Hel")
        (program.folder / "loaded").touch()
        chat.wait_for("You talk with")
        chat.wait_for("> Hel")
        chat.type("lo\r")
        shown = chat.wait_for("tokens/s")
        assert "Loading" not in shown
        assert shown.count("> Hello") == shown.count("Hel") == 1


def test_what_is_submitted_early_is_answered_once_the_model_is_there(program: Program) -> None:
    loads_until(program, "loaded")
    with program.in_terminal("chat") as chat:
        chat.wait_for("Loading")
        chat.type("One\x1b\rtwo\r")
        chat.wait_for("One  Loading")
        (program.folder / "loaded").touch()
        shown = chat.wait_for("tokens/s")
        assert shown.count(SCRIPT) == 1
        assert "> One\n  two\n" in shown


@pytest.mark.parametrize("typed", ["\x03", "\x04", "stop\r", "/quit\r"])
def test_the_chat_can_be_ended_while_the_model_loads(program: Program, typed: str) -> None:
    loads_until(program, "never")
    with program.in_terminal("chat") as chat:
        chat.wait_for("Loading")
        chat.type(typed)
        assert chat.ended() == 0
        assert "stopped." in chat.terminal.text
        assert "Traceback" not in chat.terminal.text


def test_ctrl_c_while_a_question_waits_for_the_model_ends_the_program(program: Program) -> None:
    loads_until(program, "never")
    with program.in_terminal("chat") as chat:
        chat.wait_for("Loading")
        chat.type("Hello\r")
        chat.wait_for("Hello  Loading")
        chat.type("\x03")
        assert chat.ended() == 130
        assert "Traceback" not in chat.terminal.text


def test_a_model_that_cannot_be_loaded_removes_the_prompt(program: Program) -> None:
    program.settings["PARLEY_MODEL__PYTHON"] = "/nowhere/python"
    with program.in_terminal("chat", columns=300) as chat:
        assert chat.ended() == 1
        (line,) = [line for line in chat.terminal.lines if line]
        assert line.startswith("parley: ")


def test_the_line_below_an_early_prompt_names_the_server_that_is_connected_to(
    program: Program,
) -> None:
    program.settings |= {
        "PARLEY_MODEL__BACKEND": "openai",
        "PARLEY_MODEL__OPENAI__MODEL": "qwen3:8b",
        "PARLEY_MODEL__OPENAI__BASE_URLS": "http://127.0.0.1:9/v1",
    }
    with program.in_terminal("chat", columns=300) as chat:
        chat.wait_for_written("Connecting to the server of qwen3:8b")
        assert chat.ended() == 1
