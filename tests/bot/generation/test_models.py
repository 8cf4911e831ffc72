"""A further model on a server: started on demand, and its troubles are told by its own name."""

import asyncio

import pytest

from bot.errors import GenerationError, ModelDown, WorkerLost
from bot.generation.models import FAILURE_SECONDS, OnDemand, settings_named
from bot.generation.openai import OpenAIGenerator, ServerOptions
from bot.messages import Finished, Prompt, Sampling
from bot.observer import Observer, ServersAnswer, ServersFailed
from bot.ports import Generator
from tests.observing import Told
from tests.raw_server import STOP, RawServer, event, plain, raw_server, stream
from tests.virtual_clock import VirtualClock

HELLO = Prompt("", (), "How are you?")
GOOD = stream(event("I am well."), STOP)


def on_demand(
    server: RawServer | str, clock: VirtualClock | None = None, told: Told | None = None
) -> OnDemand:
    url = server if isinstance(server, str) else server.url

    def make(observer: Observer) -> Generator:
        return OpenAIGenerator(ServerOptions((url,), api_key="k"), clock, observer=observer)

    return OnDemand("large", make, clock or VirtualClock(), told)


async def test_it_is_started_once_however_many_wait_for_it() -> None:
    async with raw_server(chat=GOOD) as server:
        model = on_demand(server)
        infos = await asyncio.gather(*(model.start() for _ in range(5)))
        assert {info.name for info in infos} == {"llama"}
        assert len(server.to("/v1/models")) == 1
        assert model.reachable()
        *texts, end = [piece async for piece in model.stream(HELLO, Sampling())]
        assert (texts, isinstance(end, Finished)) == (["I am well."], True)
        assert await model.count(HELLO) > 0
        await model.aclose()


async def test_a_server_that_does_not_answer_is_tried_again_after_a_pause() -> None:
    clock = VirtualClock()
    async with raw_server(models=plain(status=503)) as server:
        model = on_demand(server, clock)
        for _ in range(2):
            with pytest.raises(ModelDown) as caught:
                await model.start()
            assert "[models.large] base_urls" in str(caught.value)
            assert caught.value.user_text.startswith("The model large is not available right now.")
        assert len(server.to("/v1/models")) == 1
        assert not model.reachable()
        server.replies["/v1/models"] = plain({"data": [{"id": "llama"}]})
        await clock.sleep(FAILURE_SECONDS)
        assert (await model.start()).name == "llama"
        assert model.reachable()
        await model.aclose()


async def test_errors_name_the_settings_of_this_model() -> None:
    for status, place in ((401, "PARLEY_MODELS__LARGE__API_KEY"), (404, "[models.large] model")):
        async with raw_server(chat=plain(status=status)) as server:
            model = on_demand(server)
            await model.start()
            with pytest.raises(GenerationError) as caught:
                async for _ in model.stream(HELLO, Sampling()):
                    pass
            assert place in str(caught.value)
            await model.aclose()


async def test_an_answer_that_breaks_off_can_be_taken_up() -> None:
    async with raw_server(chat=stream(event("I am"), end="cut")) as server:
        model = on_demand(server)
        await model.start()
        with pytest.raises(WorkerLost):
            async for _ in model.stream(HELLO, Sampling()):
                pass
        await model.aclose()


async def test_the_observer_is_told_which_models_servers_fail() -> None:
    told = Told()
    async with raw_server(chat=plain(status=500)) as server:
        model = on_demand(server, told=told)
        await model.start()
        with pytest.raises(GenerationError):
            async for _ in model.stream(HELLO, Sampling()):
                pass
        assert not model.reachable()
        server.replies["/v1/chat/completions"] = GOOD
        _ = [piece async for piece in model.stream(HELLO, Sampling())]
        assert model.reachable()
        await model.aclose()
    assert told.events == [ServersFailed("large"), ServersAnswer("large")]


def test_only_the_settings_are_renamed() -> None:
    text = "Correct [model.openai] model, [model] context or the values of [generation]."
    assert settings_named(text, "large") == (
        "Correct [models.large] model, [models.large] context or the values of [generation]."
    )
