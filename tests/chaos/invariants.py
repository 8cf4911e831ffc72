"""What must hold once things are quiet and no more faults are drawn."""

from collections.abc import AsyncIterator, Iterable, Mapping

from bot.messages import ConversationKey
from bot.ports import AnswerState, Store, StoredAnswer
from tests.chaos.model import KEY, WORD, script
from tests.chaos.people import Asked, People, question_of
from tests.chaos.simulated import Shown, World
from tests.chaos.thoughts import Mind, above, seen_as_answer, wrong_lines, wrong_thought
from tests.fake_surface import join, shows

ENDS = (AnswerState.CUT, AnswerState.STOPPED, AnswerState.INTERRUPTED, AnswerState.FAILED)


async def violations(
    world: World,
    people: People,
    store: Store,
    accepted: Mapping[str, int],
    mind: Mind,
    *,
    final: bool,
) -> list[str]:
    """What does not hold. With `final`, Parley was started once more without faults; before that,
    an answer that could be shown in no form may be left to the next start, if the asker was told.
    """
    return [w async for w in _Check(world, people, store, accepted, mind, final=final).all()]


class _Check:
    def __init__(
        self,
        world: World,
        people: People,
        store: Store,
        accepted: Mapping[str, int],
        mind: Mind,
        *,
        final: bool,
    ) -> None:
        self._mind = mind
        self._world = world
        self._people = people
        self._store = store
        self._accepted = accepted
        self._final = final
        self._shown = {shown.ref: shown for shown in world.shown()}
        self._by_message = {asked.message_id: asked for asked in people.asked}
        self._seed = people.faults.seed

    async def all(self) -> AsyncIterator[str]:
        answers = await self._store.answers(limit=10_000)
        unfinished = {one.id for one in await self._store.answers(unfinished=True, limit=10_000)}
        for answer in answers:
            for what in self._answer(answer, undelivered=answer.id in unfinished):
                yield f"answer {answer.id} ({answer.state}): {what}"
        left = await self._store.leftovers(self._world.name)
        later = set() if self._final else {leftover.message for leftover in left}
        for what in (*self._questions(answers), *self._messages(answers, later)):
            yield what
        for what in self._whispers():
            yield what
        # Slack does not tell a channel that is gone from one that the bot may not see for a while
        stay = [one for one in left if not self._gone(one.conversation)]
        if self._final and stay:
            yield f"leftovers stay: {stay}"

    def _gone(self, place: ConversationKey) -> bool:
        rooms = self._world.rooms.by_name.values()
        return any(room.deleted and room.key.channel == place.channel for room in rooms)

    # ------------------------------------------------------------ one answer

    def _answer(self, answer: StoredAnswer, *, undelivered: bool) -> Iterable[str]:
        asked = self._by_message[answer.question.message_id]
        if answer.state.open:
            yield "it is still open in the database"
            return
        yield from self._stored_text(answer)
        if asked.room.deleted:
            return
        told = any(who == asked.who.id for who, _ in self._world.whispered)
        visible = list(self._visible(answer))
        if undelivered and self._final:
            yield "it is undelivered"
        if undelivered and visible and not told:
            yield "it is undelivered, and the asker was not told"
        if undelivered:
            return
        if answer.state is AnswerState.STOPPED and not self._may_be_stopped(answer, asked):
            yield "it says Stopped, which nobody did"
        yield from visible

    def _stored_text(self, answer: StoredAnswer) -> Iterable[str]:
        key = KEY.findall(answer.question.text)
        begun = WORD.search(answer.text)
        if begun is None:
            if answer.state is AnswerState.DONE:
                yield f"it is done without a text: {answer.text!r}"
            return
        question, edit, generation = map(int, begun.groups()[:3])
        if key and question != int(key[-1][0]):
            yield f"its text answers question {question}, not {key[-1][0]}"
        whole = "".join(script(self._seed, question, edit, generation))
        if answer.state is AnswerState.DONE and answer.text != whole:
            yield f"stored is {_where(answer.text, whole)}"
        elif not whole.startswith(answer.text):
            yield f"stored is no beginning of what was generated: {_where(answer.text, whole)}"
        if answer.state is AnswerState.DONE:
            which = (question, edit, generation)
            yield from wrong_thought(self._mind, self._seed, which, answer.thought)

    def _may_be_stopped(self, answer: StoredAnswer, asked: Asked) -> bool:
        gone = any(self._is_gone(ref) for ref in answer.messages)
        return asked.stoppable or asked.deleted or gone or not answer.messages

    def _is_gone(self, ref: str) -> bool:
        return ref not in self._shown

    def _visible(self, answer: StoredAnswer) -> Iterable[str]:
        if not answer.messages:
            yield "nothing shows it"
            return
        if any(self._is_gone(ref) for ref in answer.messages):
            return  # somebody deleted a part of it
        messages = [self._shown[ref] for ref in answer.messages]
        texts = [message.text for message in messages if message.text]
        if texts:
            yield from wrong_lines(self._mind, texts[0], answer.thought, answer.text)
            texts[0] = above(texts[0])[1]
        if not shows(texts, answer.text):
            yield f"visible is {_where(_letters(join(texts)), _letters(answer.text))}"
        last = messages[-1]
        if answer.state in ENDS and not last.note:
            yield "its end does not say what happened"
        if any(button.action == "stop" for message in messages for button in message.buttons):
            yield "it has a dead Stop button"
        if any(message.buttons for message in messages[:-1]):
            yield "a part that is not the last has buttons"
        if any(message.streaming for message in messages):
            yield "its message is still streaming"
        if any(button.answer_id != answer.id for button in last.buttons):
            yield "its buttons are another answer's"

    # ------------------------------------------------------------ all messages and questions

    def _questions(self, answers: list[StoredAnswer]) -> Iterable[str]:
        stored = {answer.question.message_id for answer in answers}
        counts = [answer.question.message_id for answer in answers]
        if len(counts) != len(stored):
            yield "a question was recorded twice"
        for asked in self._people.asked:
            gone = asked.deleted or asked.forgotten
            if asked.message_id in self._accepted and asked.message_id not in stored and not gone:
                yield f"question {asked.number} was accepted and is lost"
            if not asked.reached or gone or asked.message_id in self._accepted:
                continue
            if asked.edits or asked.stoppable:
                continue  # withdrawn, or asked again
            if not any(asked.said):
                yield f"question {asked.number} was neither accepted nor refused in words"

    def _messages(self, answers: list[StoredAnswer], later: set[str]) -> Iterable[str]:
        """`later`: messages that the next start clears."""
        known = {ref for answer in answers for ref in answer.messages}
        gone = {one.number for one in self._people.asked if one.deleted or one.forgotten}
        for shown in self._shown.values():
            number = question_of(shown, self._by_message) or self._by_buttons(shown)
            yield from self._right_place(shown)
            yield from seen_as_answer(self._mind, (shown.text, *shown.history))
            if shown.ref in known or shown.ref in later or shown.given_up:
                continue
            deleted = number in gone
            if not deleted:
                yield f"orphan {shown.ref} of question {number}: {shown.text[:60]!r} {shown.note}"
            elif shown.buttons and not self._forgotten(number):
                yield f"{shown.ref} shows deleted question {number}'s answer with buttons"
            elif not shown.text.strip() and not self._forgotten(number):
                yield f"{shown.ref} is a placeholder of deleted question {number}: {shown.note!r}"

    def _by_buttons(self, shown: Shown) -> int | None:
        """The number of the question whose first answer its buttons name: a stream without a text
        says nothing else."""
        ids = {button.answer_id for button in shown.buttons}
        found = [message for message, answer in self._accepted.items() if answer in ids]
        return self._by_message[found[0]].number if found else None

    def _forgotten(self, number: int | None) -> bool:
        return any(one.forgotten and number == one.number for one in self._people.asked)

    def _right_place(self, shown: Shown) -> Iterable[str]:
        for text in shown.history:
            for word in WORD.finditer(text):
                asked = self._people.asked[int(word[1]) - 1]
                if asked.room.key != shown.place:
                    yield f"an answer of {asked.room.key} was seen in {shown.place}"
                    return

    def _whispers(self) -> Iterable[str]:
        for who, text in self._world.whispered:
            if WORD.search(text):
                yield f"an answer was whispered to {who}"


def _letters(text: str) -> str:
    """Without white space, which cuts may change."""
    return "".join(text.split())


def _where(text: str, whole: str) -> str:
    """How two texts differ, in a few words."""
    if whole.startswith(text):
        return f"{len(text)} of {len(whole)} characters"
    common = next((n for n, (a, b) in enumerate(zip(text, whole, strict=False)) if a != b), 0)
    return f"different from {common} on: {text[common : common + 40]!r}, {whole[common:][:40]!r}"
