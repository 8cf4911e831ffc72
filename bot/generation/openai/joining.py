"""Fits what a server writes to what is shown already.

Servers write the space that stands before a first word in the model's own tokens. At the beginning
of an answer nobody wants it. Where an answer is continued that ends in a space, that space must
not be sent: models have most words as one token with the space before it, and after a lonely
space they go astray.
"""

from bot.messages import Completion, Prompt


def without_end(answer: str) -> str:
    """What is sent of an answer that is to be continued."""
    return answer.rstrip(" ")


class Joint:
    """Where the text of one request joins on."""

    def __init__(self, prompt: Prompt | Completion) -> None:
        answer = prompt.answer if isinstance(prompt, Prompt) else ""
        self._fresh = isinstance(prompt, Prompt) and not answer.strip()
        self._spaces = 0 if self._fresh else len(answer) - len(without_end(answer))

    def fit(self, text: str) -> str:
        """The next piece, without what is there already."""
        if self._fresh:
            text = text.lstrip()
            self._fresh = not text
            return text
        dropped = min(self._spaces, len(text) - len(text.lstrip(" ")))
        self._spaces = self._spaces - dropped if dropped == len(text) else 0
        return text[dropped:]
