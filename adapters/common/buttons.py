"""Which buttons an answer carries. How they look is each platform's own."""

from enum import StrEnum

from bot.ports import AnswerState, Part


class Action(StrEnum):
    """What a button does."""

    STOP = "stop"
    REGENERATE = "regenerate"
    CONTINUE = "continue"
    UP = "up"
    DOWN = "down"
    THINKING = "thinking"
    """Show what the model thought."""


_RATING = (Action.UP, Action.DOWN)
_AFTER_A_BREAK = (Action.CONTINUE, Action.REGENERATE)
_ACTIONS = {
    AnswerState.QUEUED: (Action.STOP,),
    AnswerState.WRITING: (Action.STOP,),
    AnswerState.DONE: (Action.REGENERATE, *_RATING),
    AnswerState.CUT: (Action.CONTINUE, Action.REGENERATE, *_RATING),
    AnswerState.STOPPED: _AFTER_A_BREAK,
    AnswerState.INTERRUPTED: _AFTER_A_BREAK,
    AnswerState.FAILED: _AFTER_A_BREAK,
}


def actions(state: AnswerState) -> tuple[Action, ...]:
    """The buttons of an answer in this state, in their order. An answer is rated only where the
    model wrote what it wanted to write."""
    return _ACTIONS[state]


def buttons_of(part: Part) -> tuple[Action, ...]:
    """The buttons of the last part of an answer: with a folded thought, one that shows all of
    it."""
    thought = (Action.THINKING,) if part.thought and not part.state.open else ()
    return (*actions(part.state), *thought)
