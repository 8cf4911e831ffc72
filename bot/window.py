"""What the model sees of a conversation: the store, the settings and the packing put together."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from bot.context import Packed, pack
from bot.errors import TooLong
from bot.messages import ConversationKey, ModelInfo, Question, Sampling
from bot.ports import ConversationSettings, Generator, Store, StoredAnswer, StoredExchange

PAGE = 32
"""Exchanges read from the store at a time."""

REMEMBERED = 10_000
"""Conversations whose cut is remembered. One that is forgotten is cut anew: the answer is as
good, only the model's prefix cache has to be filled again."""


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """What the configuration says of prompts, where a conversation has no setting of its own."""

    system_prompt: str
    show_names: bool
    sampling: Sampling


class ContextWindow:
    """Packs what the model is given for an answer."""

    def __init__(self, generator: Generator, store: Store, options: WindowOptions) -> None:
        self._generator = generator
        self._store = store
        self._options = options
        self._cuts: OrderedDict[ConversationKey, int] = OrderedDict()
        self._tokens = 0

    def use(self, model: ModelInfo) -> None:
        """Pack for this model's window from now on."""
        self._tokens = model.context
