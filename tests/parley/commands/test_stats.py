"""`parley stats`: use by day, place and person, and the list of bad answers."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from bot.measures import RecordedPrompt
from bot.messages import ConversationKey, Person, Prompt, Question, Usage
from bot.ports import AnswerState, Quota
from storage import open_store
from tests.parley.parley_program import Program

CHANNEL = ConversationKey("discord", "10", workspace="1")
ANA = Person("discord", "1", "Ana\x1b[2J")
BEN = Person("discord", "2", "Ben")


@pytest.fixture
def kept(program: Program) -> Program:
    """A program with two answers, one of them rated as bad. It could not load a model."""
    asyncio.run(fill(program))
    program.settings |= {"PARLEY_MODEL__BACKEND": "torch", "PARLEY_MODEL__NAME": "/no/model"}
    return program


async def fill(program: Program) -> None:
    async with open_store(f"sqlite:///{program.database}") as store:
        for number, (who, where) in enumerate(
            ((ANA, CHANNEL), (BEN, ConversationKey("slack", "C1", workspace="T1")))
        ):
            answer = await store.accept(Question(where, who, "Why?", f"{number}"), Quota())
            assert answer is not None
            usage = Usage(20, 0, 11, 0.5, 1.5)
            await store.close(answer.id, AnswerState.DONE, "So.", usage)
            if who is ANA:
                prompt = RecordedPrompt(Prompt("Be brief.", (), "Ana: Why?"), (answer.question_id,))
                await store.rate(answer.id, BEN, -1, prompt)


def test_tables_show_days_places_and_people(kept: Program) -> None:
    told = kept.run("stats").stdout
    assert f"{datetime.now(UTC).date()}" in told
    for part in ("discord:1/10", "slack:T1/C1", "Ben", "0.50 s", "10.0"):
        assert part in told
    assert "\x1b" not in told


def test_json_has_the_sums_and_the_means(kept: Program) -> None:
    told = json.loads(kept.run("stats", "--json").stdout)
    (day,) = told["day"]
    assert (day["answers"], day["completion_tokens"], day["down"]) == (2, 22, 1)
    assert (day["first_token"], day["tokens_per_second"]) == (0.5, 10.0)
    assert {use["of"] for use in told["person"]} == {ANA.key, BEN.key}


def test_one_conversation_can_be_chosen(kept: Program) -> None:
    told = json.loads(kept.run("stats", "--json", "--conversation", str(CHANNEL)).stdout)
    assert [use["of"] for use in told["place"]] == [str(CHANNEL)]


def test_a_key_that_is_none_is_explained(kept: Program) -> None:
    done = kept.run("stats", "--conversation", "discord:1/2/3/4")
    assert done.returncode == 1
    assert "is not the key of a conversation" in done.stderr


def test_bad_answers_are_listed_with_the_prompts_that_the_model_got(kept: Program) -> None:
    told = kept.run("stats", "--quality").stdout
    assert "Answer: So." in told
    assert "  system: Be brief.\n  user: Ana: Why?\n" in told
    assert "\x1b" not in told
    (listed,) = json.loads(kept.run("stats", "--quality", "--json").stdout)
    assert listed["prompt"][-1] == {"role": "user", "content": "Ana: Why?"}
    assert listed["prompt_exact"] is True


def test_without_answers_it_says_so(program: Program) -> None:
    assert "Nothing was answered since" in program.run("stats").stdout
    assert "Nobody has rated" in program.run("stats", "--quality").stdout
