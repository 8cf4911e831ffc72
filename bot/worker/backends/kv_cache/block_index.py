"""An index of the blocks that a paged KV cache should still hold.

OpenVINO GenAI has a prefix cache but does not report its hits. This index follows the same rule:
only whole blocks are cached, a block is identified by all tokens up to its end, and the least
recently used block is evicted first. The count is exact for whole blocks until the cache evicts
something, and an estimate afterwards; GenAI may reuse a last, partly filled block as well.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence


class BlockIndex:
    """Indexes at most ``blocks`` blocks of ``block_size`` tokens each."""

    def __init__(self, blocks: int, block_size: int) -> None:
        self._blocks = blocks
        self._block_size = block_size
        self._known: OrderedDict[int, None] = OrderedDict()

    def cached_tokens(self, prompt: Sequence[int]) -> int:
        """How many of the prompt's first tokens are in the cache. The last token is not counted:
        it always needs prefill."""
        count = 0
        for key in self._keys(prompt):
            if key not in self._known:
                break
            count += self._block_size
        return min(count, len(prompt) - 1)

    def add(self, tokens: Sequence[int]) -> None:
        """Record that the cache holds these tokens, from a sequence's start."""
        for key in self._keys(tokens):
            self._known[key] = None
            self._known.move_to_end(key)
        while len(self._known) > self._blocks:
            self._known.popitem(last=False)

    def _keys(self, tokens: Sequence[int]) -> Iterator[int]:
        """A key for each whole block, which depends on all tokens up to the block's end."""
        key, size = 0, self._block_size
        for end in range(size, len(tokens) + 1, size):
            key = hash((key, *tokens[end - size : end]))
            yield key
