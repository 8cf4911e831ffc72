"""The messages between the bot and the worker."""

import json
from dataclasses import asdict

import pytest

from bot.worker.protocol import Facts, LoadOptions, Request, payload, to_message


def test_a_request_is_sent_without_a_copy_of_its_tokens() -> None:
    request = Request(7, list(range(4000)), [2], 100)
    message = to_message("add", request)
    assert message["type"] == "add"
    assert message["prompt"] is request.prompt
    assert Request(**payload(message)) == request


@pytest.mark.parametrize(
    "value",
    [
        LoadOptions("torch", "model", arguments=("--threads", "3"), samples=(("ab", [1, 2]),)),
        Facts("CPU", "sym_int4", 4096, note="a note"),
        Request(7, [1, 2], [2], 100, temperature=0.5, seed=3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_message_holds_every_field_as_json_has_it(
    value: LoadOptions | Facts | Request,
) -> None:
    message = to_message("kind", value)
    assert json.loads(json.dumps(message)) == json.loads(
        json.dumps({"type": "kind"} | asdict(value))
    )
