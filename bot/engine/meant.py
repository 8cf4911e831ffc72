"""Which answer somebody means who presses a button or uses a command."""

from bot.errors import NothingToDo
from bot.messages import ConversationKey, Person
from bot.ports import AnswerLedger, StoredAnswer


async def answer_in(
    store: AnswerLedger, conversation: ConversationKey, answer_id: int
) -> StoredAnswer:
    """The answer of this conversation, or one that is shown in this thread. Raises NothingToDo: a
    button that is pressed elsewhere reaches nothing, whatever number it carries."""
    found = await store.answers(answer_id=answer_id, limit=1)
    if not found or conversation not in found[0].question.places:
        raise NothingToDo("There is no such answer any more.")
    return found[0]


async def answer_meant(
    store: AnswerLedger, conversation: ConversationKey, by: Person, answer_id: int | None
) -> StoredAnswer:
    """The answer with this id, or for None the one that a person means who names none: that of
    their own newest question since the last reset, or else of anybody's. Raises NothingToDo where
    there is none."""
    if answer_id is not None:
        return await answer_in(store, conversation, answer_id)
    for person in (by.key, None):
        if found := await store.answers(conversation=conversation, person=person, limit=1):
            return found[0]
    raise NothingToDo("There is no such answer any more.")
