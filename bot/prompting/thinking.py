"""How a chat template writes what the model thinks before it answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ThinkingTags:
    """The text around a thought, as the model's chat template writes it.

    An answer with a thought is the generation prompt, ``before``, the thought, ``between`` and the
    answer. ``opening`` and ``closing`` are the tags in the two without white space around them,
    such as ``<think>`` and ``</think>``; they are what the model itself generates.
    """

    opening: str
    closing: str
    before: str
    """What stands between the generation prompt and the thought, white space included; "" where the
    generation prompt opens the thought."""
    between: str
    """What stands between the thought and the answer, white space included."""
    opened: bool
    """Whether the generation prompt opens the thought, so that the model generates only the closing
    tag. It may depend on template variables: see ``PromptFormat.opens_thought``."""
    opening_ids: tuple[int, ...] = ()
    """The token ids of ``opening``; a single one where the tokenizer has a token for it."""
    closing_ids: tuple[int, ...] = ()
    """The token ids of ``closing``."""
    between_ids: tuple[int, ...] = ()
    """The token ids of ``between``: appended to a thought, they make the model answer."""
