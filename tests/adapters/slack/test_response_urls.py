"""What is said by response URLs, through the real Bolt app."""

import pytest

from adapters.slack.response_urls import respond
from tests.adapters.slack.bench import bench
from tests.until import until


async def test_where_slack_takes_no_markdown_blocks_there_the_words_come_as_sections() -> None:
    async with bench() as b:
        b.slack.refuses_markdown = True
        used = await b.ana.command("/parley", "privacy", "C1")
        await until(lambda: used.told)
        (body,) = b.slack.bodies(used.envelope.payload["response_url"])
        assert {block["type"] for block in body["blocks"]} == {"section"}
        shown = "\n".join(block["text"]["text"] for block in body["blocks"])
        assert "*What I read:*" in shown
        assert "**" not in shown


async def test_a_url_that_is_spent_is_tried_once_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench() as b:
        url = b.slack.response_url()
        for _ in range(5):
            assert await respond(url, "Hello")
        assert not await respond(url, "Hello")
        refused = [one for one in caplog.messages if "a response URL was refused: HTTP 404" in one]
        assert len(refused) == 1
