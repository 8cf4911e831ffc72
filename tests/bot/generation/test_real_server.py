"""The openai backend against two replicas of a real server with the demo model.

The variable PARLEY_TEST_SERVER is the command that starts one, with {port}, and {model} for the
model's folder or {gguf} for its GGUF file. Without it these tests are skipped. docs/servers.md has
the commands.
"""

import asyncio
import logging
import os
import shlex
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from bot import demo_model
from bot.errors import WorkerLost
from bot.generation.codec import ModelCodec
from bot.generation.openai import OpenAIGenerator, ServerOptions
from bot.generation.openai.replicas import Replicas
from bot.messages import Completion, Exchange, Finished, FinishReason, Prompt, Sampling
from tests.demo_gguf import write_demo_gguf
from tests.limits import seconds
from tests.parley.parley_program import Program
from tests.until import until

COMMAND = os.environ.get("PARLEY_TEST_SERVER", "")

pytestmark = [
    pytest.mark.skipif(not COMMAND, reason="PARLEY_TEST_SERVER names no server"),
    pytest.mark.process,
    pytest.mark.timeout(seconds(600)),
]

PROMPT = Prompt("", (), "Hello, who are you?")
STORY = Prompt("", (), "Tell me a short story about a lighthouse.")
GREEDY = Sampling(temperature=0.0, max_new_tokens=64)
ENDLESS = Sampling(temperature=2.0, top_p=1.0, top_k=0, max_new_tokens=1500)
"""Sampled so randomly that the end token is improbable too."""


@dataclass
class Replica:
    """A server process."""

    port: int
    arguments: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.arguments, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    async def ready(self) -> None:
        async with aiohttp.ClientSession() as http:

            async def answers() -> bool:
                assert self.process is not None
                assert self.process.poll() is None, self.log.read_text()[-2000:]
                try:
                    async with http.get(f"{self.url}/models") as response:
                        return response.status == 200
                except aiohttp.ClientError:
                    return False

            await until(answers)


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Replica]]:
    folder = tmp_path_factory.mktemp("servers")
    gguf = write_demo_gguf(folder / "demo.gguf")
    servers = []
    for number in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = COMMAND.format(port=port, model=demo_model.directory(), gguf=gguf)
        servers.append(Replica(port, shlex.split(command), folder / f"{number}.log"))
    for server in servers:
        server.start()
    try:
        for server in servers:
            asyncio.run(server.ready())
        yield servers
    finally:
        for server in servers:
            server.kill()


@asynccontextmanager
async def asking(*servers: Replica, **options: float) -> AsyncIterator[OpenAIGenerator]:
    for server in servers:
        if server.process is None:
            server.start()
        await server.ready()
    urls = tuple(server.url for server in servers)
    generator = OpenAIGenerator(ServerOptions(urls, **options))  # type: ignore[arg-type]
    try:
        await generator.start()
        yield generator
    finally:
        await generator.aclose()


async def read(
    generator: OpenAIGenerator, prompt: Prompt | Completion, sampling: Sampling = GREEDY
) -> tuple[str, Finished]:
    *texts, last = [piece async for piece in generator.stream(prompt, sampling)]
    assert isinstance(last, Finished)
    return "".join(str(text) for text in texts), last


async def test_it_answers_and_counts_as_parley_itself_does(replicas: list[Replica]) -> None:
    async with asking(replicas[0]) as generator:
        text, end = await read(generator, PROMPT)
        assert "Parley" in text
        assert end.reason is FinishReason.END
        codec = ModelCodec.load(demo_model.directory(), 0)
        long = Prompt("Be brief.", (Exchange("Hi", "Hello."), Exchange("Ok?", "Yes.")), "Bye")
        for prompt in (PROMPT, STORY, long):
            count = await generator.count(prompt)
            assert abs(count - await codec.count(prompt)) <= len(prompt.history), count
        assert end.usage.prompt_tokens == await codec.count(PROMPT)


async def test_the_length_limit_is_kept(replicas: list[Replica]) -> None:
    async with asking(replicas[0]) as generator:
        _, end = await read(generator, STORY, Sampling(temperature=0.0, max_new_tokens=5))
    assert end.reason is FinishReason.LENGTH
    assert end.usage.completion_tokens == 5


async def test_an_answer_goes_on_from_wherever_it_was_cut(replicas: list[Replica]) -> None:
    async with asking(replicas[0]) as generator:
        whole, _ = await read(generator, PROMPT)
        words = whole.split(" ")
        for count in range(1, len(words) - 1):
            for begun in (" ".join(words[:count]), " ".join(words[:count]) + " "):
                rest, _ = await read(generator, Prompt("", (), PROMPT.question, begun))
                assert (begun + rest).split() == whole.split(), begun


async def test_a_plain_text_is_completed(replicas: list[Replica]) -> None:
    async with asking(replicas[0]) as generator:
        text, end = await read(generator, Completion("The capital of"))
    assert text.strip()
    assert end.usage.completion_tokens > 0


async def test_a_server_that_is_killed_in_the_middle_is_replaced_by_the_other(
    replicas: list[Replica],
) -> None:
    async with asking(*replicas) as generator:
        (first, *_) = Replicas([server.url for server in replicas]).ranked(STORY.cache_key)
        busy = next(server for server in replicas if server.url == first)
        begun = ""
        with pytest.raises(WorkerLost):
            async for piece in generator.stream(STORY, ENDLESS):
                assert isinstance(piece, str), "it was done before it died"
                begun += piece
                busy.kill()
        assert begun
        # The server tokenizes the text again, so it may continue in other words.
        rest, end = await read(generator, Prompt("", (), STORY.question, begun), ENDLESS)
        assert rest.strip()
        assert end.usage.completion_tokens > 5


async def test_a_server_that_came_back_is_asked_again(
    replicas: list[Replica], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with asking(*replicas, health_seconds=0.2) as generator:
        replicas[0].kill()
        await until(lambda: "Its conversations go to the other servers." in caplog.text)
        assert (await read(generator, PROMPT))[0]
        replicas[0].start()
        await replicas[0].ready()
        await until(lambda: f"{replicas[0].url} answers again" in caplog.text)


async def test_closing_the_stream_leaves_the_server_free(replicas: list[Replica]) -> None:
    async with asking(replicas[0]) as generator:
        for _ in range(20):  # more than it has room for, were they not stopped
            stream = generator.stream(Completion("Once"), ENDLESS)
            await anext(stream)
            await stream.aclose()
        assert (await read(generator, PROMPT))[0]


async def test_the_program_answers_through_it(replicas: list[Replica], tmp_path: Path) -> None:
    async with asking(*replicas):
        pass
    program = Program(tmp_path)
    program.settings |= {
        "PARLEY_MODEL__BACKEND": "openai",
        "PARLEY_MODEL__OPENAI__BASE_URLS": ",".join(server.url for server in replicas),
    }
    result = await asyncio.to_thread(program.run, "ask", PROMPT.question, "--temperature", "0")
    assert result.returncode == 0, result.stderr
    assert "Parley" in result.stdout
    examined = await asyncio.to_thread(program.run, "doctor")
    assert examined.returncode == 0, examined.stdout
