"""The models that answer: the default one, and those of ``[models.NAME]`` on further servers.

Each has its own generator, context window, token counts and slots. Which one answers is a setting
of the conversation (`ConversationSettings.model`), looked up when a question waits and again when
its prompt is packed. So an answer that is continued, generated again or resumed after a crash is
written by the model that is chosen then, from the text so far; its record names that one. A name
that is not configured any more means the default model.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.clock import Clock
from bot.engine.settings import settings_in
from bot.engine.window import ContextWindow
from bot.errors import ModelError
from bot.messages import ConversationKey, ModelInfo
from bot.ports import ConversationSettings, Generator, SettingsStore

logger = logging.getLogger(__name__)

RETRY_SECONDS = 30.0
"""Between two attempts to reach the servers of a further model that did not answer yet."""


def _reachable() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class ModelSlots:
    """A model as the configuration gives it."""

    generator: Generator
    slots: int
    """Answers that are generated at the same time."""
    reachable: Callable[[], bool] = _reachable
    """Whether its servers answered when they were last asked."""


@dataclass(frozen=True, slots=True)
class Served:
    """One model that answers."""

    name: str
    """That of ``[models.NAME]``; "" for the default model."""
    generator: Generator
    window: ContextWindow
    slots: int
    reachable: Callable[[], bool] = _reachable

    @property
    def up(self) -> bool:
        """Whether its servers answered when they were last asked."""
        return self.window.known is not None and self.reachable()

    @property
    def label(self) -> str:
        """Its name in records and metrics."""
        return self.name or self.window.model.name


@dataclass(frozen=True, slots=True)
class Chosen:
    """The model of a conversation."""

    served: Served
    gone: str = ""
    """The name that was chosen and is not configured any more: the default model answers."""


class Models:
    """Which model answers where. For one event loop."""

    def __init__(
        self,
        default: ModelSlots,
        further: Mapping[str, ModelSlots],
        store: SettingsStore,
        window: Callable[[Generator], ContextWindow],
    ) -> None:
        """`window` makes the context window of a model."""

        def served(name: str, model: ModelSlots) -> Served:
            made = window(model.generator)
            return Served(name, model.generator, made, model.slots, model.reachable)

        self.default = served("", default)
        self.further = {name: served(name, model) for name, model in further.items()}
        self._store = store

    @property
    def lanes(self) -> dict[str, int]:
        """The slots of the further models, by name."""
        return {name: served.slots for name, served in self.further.items()}

    async def of(self, conversation: ConversationKey) -> Chosen:
        """The model that answers in a conversation. Raises StorageError."""
        return self.chosen(await settings_in(self._store, conversation))

    def chosen(self, settings: ConversationSettings) -> Chosen:
        """The model that these settings choose."""
        name = settings.model
        if name is None:
            return Chosen(self.default)
        served = self.further.get(name)
        return Chosen(served) if served else Chosen(self.default, gone=name)

    async def reach_further(self, clock: Clock) -> None:
        """Reach the servers of the further models, each again until it answers. A question need not
        wait for it: its prompt tries by itself."""
        async with asyncio.TaskGroup() as tasks:
            for served in self.further.values():
                tasks.create_task(_reach(served, clock))


async def _reach(served: Served, clock: Clock) -> None:
    told = ""
    while True:
        try:
            info = await served.generator.start()
        except ModelError as error:
            if str(error) != told:  # once: the operator knows from then on
                told = str(error)
                logger.warning("the model %s cannot be used: %s", served.name, error)
        else:
            served.window.use(info)
            logger.info("the model %s is %s", served.name, _described(info))
            return
        await clock.sleep(RETRY_SECONDS)


def _described(info: ModelInfo) -> str:
    return f"{info.name} on {info.device}, with a context window of {info.context} tokens"
