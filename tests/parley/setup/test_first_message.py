"""The first message says how to ask where it is posted."""

from types import SimpleNamespace
from typing import Any

from bot.config import Settings
from parley.setup.channels import FIRST_MESSAGE, NO_MENTION, _first


def test_where_every_message_is_a_question_the_first_message_asks_for_no_mention() -> None:
    settings = Settings.model_validate(
        {"discord": {"answer_all_channels": ["1"]}, "slack": {"answer_all_channels": ["C02"]}}
    )
    session: Any = SimpleNamespace(settings=settings)
    said = [_first(session, channel) for channel in ("1", "2", "C02", "C03")]
    assert said == [NO_MENTION, FIRST_MESSAGE, NO_MENTION, FIRST_MESSAGE]
