"""Delivery: shows an answer in a platform's messages while it is generated. Knows no platform.

- `live`: Delivery and LiveAnswer, the interface to the engine; one task per answer.
- `answer_messages`: AnswerMessages: which call to the surface comes next, and what is shown.
- `records`: what the delivery ledger knows of an answer's messages.
- `pacing`: rate limits, priority, fairness and backoff between answers.
- `rendering`: Pages: the text, state and note of each message at a given moment.
- `folding`: the beginning of a thought, in quoted small lines above its answer.
- `splitting`: Splitter: divides a growing text into parts that fit a message.
- `cutting`: chooses the position of a cut.
- `holding`: withholds incomplete Markdown at the end of a growing text.
- `markdown`, `inline`: the block and inline syntax of Markdown, as far as these need it.
- `marks`: which marks a text leaves open, in CommonMark and on Discord.
"""

from bot.delivery.live import Delivery, LiveAnswer
from bot.delivery.markdown import closing
from bot.delivery.rendering import PLACEHOLDER

__all__ = ["PLACEHOLDER", "Delivery", "LiveAnswer", "closing"]
