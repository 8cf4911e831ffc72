"""The context window: packs prompts from the store, the settings and the model's limits."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from bot.engine.packing import Packed, Thinking, as_question, least_answer, pack
from bot.engine.settings import settings_in
from bot.engine.surroundings import GONE, SHARE, Before, SurroundingsReader, with_what_was_said
from bot.engine.variables import Now, PromptVariables, time_in
from bot.measures import RecordedPrompt
from bot.messages import ConversationKey, ModelInfo, Prompt, Question, Reasoning, Sampling
from bot.ports import (
    ConversationSettings,
    Generator,
    Snapshot,
    Store,
    StoredAnswer,
    StoredExchange,
)
from bot.recent import Recent

PAGE = 32
"""Exchanges read from the store at a time."""

REMEMBERED = 10_000
"""Conversations whose first kept exchange is remembered. One that is not is cut again: the answer
is as good, only the prefix cache does not hit once."""


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """The configuration's defaults for conversations without settings of their own."""

    system_prompt: str
    show_names: bool
    sampling: Sampling
    reasoning: Reasoning = Reasoning.AUTO
    now: Now = time_in
    """Tells the time in the time zone in which the system prompt's ``{date}`` changes."""
    channel_context: int = 0
    """How many messages before a question in a channel the model is given."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What applies to a prompt of a conversation without its history."""

    tokens: int
    """The context window."""
    sampling: Sampling
    thinking: Thinking
    names: bool
    """Whether the model sees names."""

    def sampling_of(self, prompt: int, most: int) -> Sampling:
        """What the window leaves a prompt of so many tokens and an answer of at most `most`."""
        left = max(1, self.tokens - prompt)
        answer = min(most, left)
        thought = min(self.thinking.most, left - answer)
        return replace(self.sampling, max_new_tokens=answer, max_thinking_tokens=thought)


class ContextWindow:
    """Packs prompts for one model."""

    def __init__(
        self,
        generator: Generator,
        store: Store,
        options: WindowOptions,
        variables: PromptVariables,
        surroundings: SurroundingsReader,
    ) -> None:
        self._generator = generator
        self._store = store
        self._variables = variables
        self._options = options
        self._surroundings = surroundings
        self._cuts: Recent[ConversationKey, int] = Recent(REMEMBERED)
        self._model: ModelInfo | None = None
        self._tokens = 0

    @property
    def known(self) -> ModelInfo | None:
        """The model of the last prompt; None before `use`."""
        return self._model

    @property
    def model(self) -> ModelInfo:
        """The model of the last prompt; only after `use`."""
        assert self._model is not None
        return self._model

    def use(self, model: ModelInfo) -> None:
        """Pack for this model's context window from now on."""
        self._model, self._tokens = model, model.context

    async def pack(
        self, answer: StoredAnswer, settings: ConversationSettings | None = None
    ) -> tuple[Packed, Sampling, Snapshot]:
        """The prompt for this answer, with the settings of its conversation, which are read where
        they are not given; how to sample it (`max_new_tokens` and `max_thinking_tokens`
        are what the window leaves); and the history that is in it, with which the same answer gets
        the same prompt again. It is the answer's own `snapshot` where it was begun before, else
        what has ended until now; in both, only what stands before the answer's own place. Waits
        while the model is being restarted. Raises TooLong, StorageError and ModelError."""
        # looked up each time: a model that was restarted after it ran out of memory has less room
        self.use(await self._generator.start())
        question = answer.question
        settings = settings or await settings_in(self._store, question.conversation)
        sampling = self._sampling(settings)
        snapshot = answer.snapshot or await self._present(question.conversation)
        before = await self._surroundings.before(answer, self._tokens)
        asked = as_question(question, show_names=self._names(settings))
        packed = await pack(
            system=await self._system(settings, question.conversation),
            question=await self._with_what_was_said(before, answer, asked, settings),
            answer=answer.text,
            thought=answer.thought,
            begun=answer.text[: answer.kept],
            thinking=self._thinking(settings),
            pages=self._pages(
                question.conversation, answer.position, snapshot.moment, origin=before.origin
            ),
            count=self._generator.count,
            window=self._tokens,
            wanted=sampling.max_new_tokens,
            keep_from=snapshot.start,
            show_names=self._names(settings),
        )
        if answer.position is None:  # one that is answered again cuts nothing for the next question
            self._remember(question.conversation, packed.keep_from)
        prompt = replace(packed.prompt, cache_key=str(question.conversation))
        packed = _marked(replace(packed, prompt=prompt), before, asked, again=bool(answer.messages))
        sampling = replace(
            sampling,
            max_new_tokens=packed.max_new_tokens,
            max_thinking_tokens=packed.max_thinking_tokens,
        )
        return packed, sampling, replace(snapshot, start=packed.keep_from)

    async def bounds(self, conversation: ConversationKey) -> Bounds:
        """The window and the settings of this conversation. Waits while the model is being
        restarted. Raises StorageError and ModelError."""
        self.use(await self._generator.start())
        settings = await settings_in(self._store, conversation)
        return Bounds(
            self._tokens,
            self._sampling(settings),
            self._thinking(settings),
            self._names(settings),
        )

    async def check(self, question: Question, settings: ConversationSettings) -> None:
        """Raises TooLong, with the numbers, where the question alone does not fit the window. A
        model that was not reached yet takes every question: its answer fails."""
        if self._model is None:
            return
        await pack(
            system=await self._system(settings, question.conversation),
            question=as_question(question, show_names=self._names(settings)),
            pages=_nothing(),
            count=self._generator.count,
            window=self._tokens,
            wanted=self._sampling(settings).max_new_tokens,
            thinking=self._thinking(settings),
        )

    async def preview(self, conversation: ConversationKey) -> Packed:
        """The prompt before the next, still empty, question. Raises ModelError."""
        self.use(await self._generator.start())
        settings = await settings_in(self._store, conversation)
        return await pack(
            system=await self._system(settings, conversation),
            question="",
            pages=self._pages(conversation, origin=await self._surroundings.origin(conversation)),
            count=self._generator.count,
            window=self._tokens,
            wanted=self._sampling(settings).max_new_tokens,
            thinking=self._thinking(settings),
            keep_from=self._cuts.get(conversation),
            show_names=self._names(settings),
        )

    async def recorded(self, answer: StoredAnswer) -> RecordedPrompt:
        """The prompt of an answer that has ended, packed again for the record, as far as the
        settings and the history that are stored now tell it. Raises what `pack` raises."""
        self.use(await self._generator.start())
        question = answer.question
        settings = await settings_in(self._store, question.conversation)
        snapshot = answer.snapshot or await self._present(question.conversation)
        packed = await pack(
            system=await self._system(settings, question.conversation),
            question=as_question(question, show_names=self._names(settings)),
            pages=self._pages(
                question.conversation,
                answer.position,
                snapshot.moment,
                origin=await self._surroundings.origin(question.conversation),
            ),
            count=self._generator.count,
            window=self._tokens,
            wanted=self._sampling(settings).max_new_tokens,
            thinking=self._thinking(settings),
            keep_from=snapshot.start,
            show_names=self._names(settings),
        )
        quoted = (*packed.questions, answer.question_id)
        return RecordedPrompt(packed.prompt, quoted, exact=False)

    # ------------------------------------------------------------ inside

    async def _present(self, conversation: ConversationKey) -> Snapshot:
        """The history of the next answer: all that has ended until now."""
        moment = await self._store.moment(conversation)
        return Snapshot(moment, self._cuts.get(conversation))

    async def _with_what_was_said(
        self, before: Before, answer: StoredAnswer, asked: str, settings: ConversationSettings
    ) -> str:
        """The question as asked, with what was said before it as far as there is room: beside the
        longest answer, and in a share of the window."""
        if not (before.remarks or before.starter):
            return asked
        # Without the answer so far: one that is taken up gets the same prompt as at first.
        alone = Prompt(await self._system(settings, answer.question.conversation), (), asked)
        wanted, thinking = self._sampling(settings).max_new_tokens, self._thinking(settings)
        least = least_answer(self._tokens, wanted)
        answering = max(least, min(wanted + thinking.most, self._tokens // 2))
        count = self._generator.count
        most = min(await count(alone) + self._tokens // SHARE, self._tokens - answering)
        written = replace(alone, answer=answer.text, thought=answer.thought)
        longest = self._tokens - (least if answer.kept else 1)

        async def fits(text: str) -> bool:
            if await count(replace(alone, question=text)) > most:
                return False
            return written == alone or await count(replace(written, question=text)) <= longest

        return await with_what_was_said(before, asked, fits, show_names=self._names(settings))

    async def _pages(
        self,
        conversation: ConversationKey,
        before: int | None = None,
        at: int | None = None,
        *,
        origin: StoredExchange | None = None,
    ) -> AsyncIterator[list[StoredExchange]]:
        """The history at a moment, the last exchange first; only what stands before a position.
        Last of all comes `origin`, which a thread was opened on, before every position."""
        more = at != 0  # at 0 nothing had ended
        while more:
            page = await self._store.exchanges(conversation, before=before, at=at, limit=PAGE)
            if more := len(page) == PAGE:
                before = page[-1].position
            yield page
        if origin is not None:
            yield [replace(origin, position=0)]

    def _remember(self, conversation: ConversationKey, cut: int | None) -> None:
        if cut is None:
            self._cuts.drop(conversation)
        else:
            self._cuts.put(conversation, cut)

    async def _system(self, settings: ConversationSettings, where: ConversationKey) -> str:
        own = settings.system_prompt
        return await self._variables.fill(
            self._options.system_prompt if own is None else own, where
        )

    def _names(self, settings: ConversationSettings) -> bool:
        own = settings.show_names
        return self._options.show_names if own is None else own

    def _thinking(self, settings: ConversationSettings) -> Thinking:
        own = settings.reasoning
        reasoning = self._options.reasoning if own is None else own
        most = self._options.sampling.max_thinking_tokens
        return Thinking(reasoning, most, reserved=reasoning in self.model.thinks_at)

    def _sampling(self, settings: ConversationSettings) -> Sampling:
        sampling = self._options.sampling
        if settings.temperature is not None:
            sampling = replace(sampling, temperature=settings.temperature)
        if settings.max_new_tokens is not None:
            sampling = replace(sampling, max_new_tokens=settings.max_new_tokens)
        return sampling


def _marked(packed: Packed, before: Before, asked: str, *, again: bool) -> Packed:
    """With the question as it may be stored, and what the person is told of the prompt."""
    gone = before.starter_gone and (again or not packed.questions)
    return replace(
        packed,
        asked=None if packed.prompt.question == asked else asked,
        note=" ".join(filter(None, (before.note, GONE if gone else ""))),
    )


async def _nothing() -> AsyncIterator[list[StoredExchange]]:
    return
    yield
