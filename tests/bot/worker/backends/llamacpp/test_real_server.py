"""The llama.cpp backend with a real llama-server and a real model, where these are named:

PARLEY_TEST_LLAMA_SERVER   the path of a llama-server
PARLEY_TEST_GGUF           the path of a small chat model, such as SmolLM2-135M-Instruct
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.worker.backends.llamacpp.backend import LlamaCppBackend, create
from bot.worker.backends.llamacpp.server import LlamaServer
from bot.worker.backends.llamacpp.stream import completion_body
from bot.worker.protocol import END, LENGTH, LoadError, LoadOptions, Request
from tests.bot.worker.backends.backend_bench import Bench, silent
from tests.limits import seconds

SERVER, MODEL = (os.environ.get(f"PARLEY_TEST_{name}", "") for name in ("LLAMA_SERVER", "GGUF"))
pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(seconds(900)),
    pytest.mark.skipif(not (SERVER and MODEL), reason="no llama-server and no model are named"),
]

OPTIONS = LoadOptions(
    "llamacpp",
    MODEL,
    context=1024,
    max_parallel=4,
    server=SERVER,
    # On a busy machine several threads mostly wait for one another.
    arguments=("--slots", "--threads", "1"),
)
QUESTIONS = (
    "Name three colours.",
    "What is the capital of France?",
    "Write a haiku about rain.",
    "Count from one to ten.",
    "Answer with flags and smileys only: 🏳️‍🌈 🙂",
    "用中文说你好。",
)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    backend = create()
    yield Bench(backend, OPTIONS)
    backend.close()


def server_of(bench: Bench) -> LlamaServer:
    backend: Any = bench.backend
    server: LlamaServer = backend._server
    return server


def chat(bench: Bench, *said: str) -> list[int]:
    """The ids of a ChatML conversation that ends with the assistant's turn."""
    ids: list[int] = []
    for number, text in enumerate(said):
        ids += turn(bench, "assistant" if number % 2 else "user", text)
    return ids + turn(bench, "assistant", "")[:-2]


def turn(bench: Bench, role: str, text: str) -> list[int]:
    start, end = special(bench, "<|im_start|>"), special(bench, "<|im_end|>")
    server = server_of(bench)
    return [start, *server.tokenize(f"{role}\n"), *server.tokenize(text), end, *newline(bench)]


def newline(bench: Bench) -> list[int]:
    return server_of(bench).tokenize("\n")


def special(bench: Bench, text: str) -> int:
    body = {"content": text, "add_special": False, "parse_special": True}
    (token,) = server_of(bench).post("/tokenize", body)["tokens"]
    return int(token)


def ask(bench: Bench, answer_id: int, question: str, **fields: Any) -> Request:
    stop = [special(bench, "<|im_end|>")]
    return replace(Request(answer_id, chat(bench, question), stop, 48), **fields)


def asked(bench: Bench, method: str, path: str, body: object = None) -> Any:
    """The server's answer, however long it takes."""
    server = server_of(bench)
    connection = server.connect()
    connection.request(method, path, json.dumps(body), server.headers())
    with connection.getresponse() as response:
        answer = json.loads(response.read())
    connection.close()
    return answer


def busy(bench: Bench) -> int:
    """Slots that compute."""
    return sum(bool(slot["is_processing"]) for slot in asked(bench, "GET", "/slots"))


def test_the_streamed_ids_are_those_of_the_whole_answer(bench: Bench) -> None:
    """The server leaves ids out while it streams; asked without streaming it gives them all."""
    for number, question in enumerate(QUESTIONS):
        given = ask(bench, number, question)
        body = completion_body(given, 1024) | {"stream": False, "response_fields": ["tokens"]}
        whole = asked(bench, "POST", "/completion", body)["tokens"]
        assert bench.answer(given) == [token for token in whole if token not in given.stop]


def test_greedy_answers_are_the_same_alone_and_with_others_in_flight(bench: Bench) -> None:
    alone = [bench.answer(ask(bench, n, question)) for n, question in enumerate(QUESTIONS)]
    together = [ask(bench, 100 + n, question) for n, question in enumerate(QUESTIONS)]
    bench.add(*together)
    bench.finish(*(each.id for each in together))
    same = [bench.tokens[100 + n] == alone[n] for n in range(len(QUESTIONS))]
    # A batch is summed in another order: where two tokens are equally likely, rounding decides.
    assert sum(same) >= len(QUESTIONS) - 1


def test_an_answer_ends_at_the_stop_token_and_not_before(bench: Bench) -> None:
    given = ask(bench, 1, "What is the capital of France?", max_new_tokens=200)
    answer = bench.answer(given)
    assert bench.ended[1].reason == END
    assert not set(given.stop) & set(answer)
    unstopped = replace(given, id=2, stop=[], max_new_tokens=len(answer) + 10)
    longer = bench.answer(unstopped)
    assert bench.ended[2].reason == LENGTH
    assert longer[: len(answer) + 1] == [*answer, *given.stop]
    assert len(longer) == len(answer) + 10


def test_the_same_seed_gives_the_same_answer_and_another_one_another(bench: Bench) -> None:
    def sampled(answer_id: int, seed: int) -> list[int]:
        given = ask(bench, answer_id, "Tell me a story.", temperature=1.0, top_p=0.95, seed=seed)
        return bench.answer(given)

    first = sampled(1, 7)
    assert sampled(2, 7) == first
    assert sampled(3, 8) != first
    unseeded = 2**32 - 1
    assert sampled(4, unseeded) == sampled(5, unseeded)


def test_a_second_turn_finds_the_first_in_the_cache(bench: Bench) -> None:
    first = chat(bench, "Name three colours.")
    answer = bench.answer(Request(1, first, [special(bench, "<|im_end|>")], 40))
    follow_up = first + answer + [special(bench, "<|im_end|>"), *newline(bench)]
    follow_up += turn(bench, "user", "And one more?") + turn(bench, "assistant", "")[:-2]
    bench.answer(Request(2, follow_up, [special(bench, "<|im_end|>")], 8))
    assert bench.ended[2].usage.cached_tokens >= len(first) + len(answer) - 1


def test_a_cancelled_answer_frees_its_slot_within_a_step(bench: Bench) -> None:
    given = ask(bench, 31, "Count to one thousand.", max_new_tokens=900, stop=[])
    bench.add(given)
    while len(bench.tokens[31]) < 5:
        bench.step()
    assert busy(bench) == 1
    bench.backend.cancel(31)
    give_up = time.monotonic() + 20
    while busy(bench):
        assert time.monotonic() < give_up


def test_a_cancelled_prefill_frees_its_slot_too(bench: Bench) -> None:
    words = server_of(bench).tokenize(" lorem ipsum dolor" * 200)[:900]
    bench.add(Request(32, words, [], 100))
    bench.backend.cancel(32)
    give_up = time.monotonic() + 20
    while busy(bench):
        assert time.monotonic() < give_up


def test_the_repetition_penalty_counts_prompt_and_answer(bench: Bench) -> None:
    numbers = server_of(bench).tokenize(" one two" * 12)
    plain = bench.answer(Request(1, numbers, [], 12))
    penalized = bench.answer(Request(2, numbers, [], 12, repetition_penalty=2.0))
    assert len(set(plain)) < 8
    assert len(set(penalized)) == 12
    assert not set(penalized) & set(numbers)


def test_a_full_context_is_filled_to_its_last_token(bench: Bench) -> None:
    words = server_of(bench).tokenize(" lorem ipsum dolor" * 400)[:1000]
    assert len(bench.answer(Request(1, words, [], 24))) == 24


def test_samples_that_agree_are_accepted_and_one_that_differs_is_not(bench: Bench) -> None:
    server = server_of(bench)
    samples = tuple((text, server.tokenize(text)) for text in (*QUESTIONS, " a\n\n  b\t<|im_end|>"))
    wrong = (QUESTIONS[0], [5, *server.tokenize(QUESTIONS[0])[1:]])
    for given, refused in ((samples, False), ((*samples, wrong), True)):
        backend: LlamaCppBackend = create()
        try:
            if refused:
                with pytest.raises(LoadError, match="tokenizer and llama-server's differ"):
                    backend.load(replace(OPTIONS, samples=given), silent)
            else:
                assert backend.load(replace(OPTIONS, samples=given), silent).low_bit
        finally:
            backend.close()
