"""Which prompts begin with something that a paged cache of keys and values still holds.

OpenVINO GenAI reuses cached blocks but does not say how many. This ledger follows its rule: whole
blocks are known by all tokens up to their end, and the block that was used least lately goes first
when there are more than the cache has. While the cache has room, what it tells is true but for
the last, partly filled block, which may be reused as well; once blocks were given up it is an
estimate.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence


class PrefixLedger:
    """Remembers the blocks of at most ``blocks`` blocks of ``block_size`` tokens."""

    def __init__(self, blocks: int, block_size: int) -> None:
        self._blocks = blocks
        self._block_size = block_size
        self._known: OrderedDict[int, None] = OrderedDict()

    def cached(self, prompt: Sequence[int]) -> int:
        """How many of the prompt's first tokens need not be read. The last one always is."""
        count = 0
        for key in self._keys(prompt):
            if key not in self._known:
                break
            count += self._block_size
        return min(count, len(prompt) - 1)

    def remember(self, tokens: Sequence[int]) -> None:
        """Note that the keys and values of these tokens, a whole sequence, are in the cache."""
        for key in self._keys(tokens):
            self._known[key] = None
            self._known.move_to_end(key)
        while len(self._known) > self._blocks:
            self._known.popitem(last=False)

    def _keys(self, tokens: Sequence[int]) -> Iterator[int]:
        key, size = 0, self._block_size
        for end in range(size, len(tokens) + 1, size):
            key = hash((key, *tokens[end - size : end]))
            yield key
