"""The index counts the cached blocks at the start of a prompt, and evicts the oldest."""

from bot.worker.backends.kv_cache.block_index import BlockIndex


def test_nothing_is_cached_at_first() -> None:
    assert BlockIndex(10, 4).cached_tokens(range(100)) == 0


def test_whole_blocks_of_a_common_prefix_count() -> None:
    index = BlockIndex(10, 4)
    index.add([1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert index.cached_tokens([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) == 8
    assert index.cached_tokens([1, 2, 3, 4, 0, 6, 7, 8]) == 4
    assert index.cached_tokens([0, 2, 3, 4, 5, 6, 7, 8]) == 0


def test_the_same_block_after_something_else_is_another() -> None:
    index = BlockIndex(10, 2)
    index.add([1, 2, 3, 4])
    assert index.cached_tokens([3, 4, 1, 2]) == 0


def test_the_last_token_of_a_prompt_is_never_counted() -> None:
    index = BlockIndex(10, 2)
    index.add([1, 2, 3, 4])
    assert index.cached_tokens([1, 2, 3, 4]) == 3


def test_the_least_recently_used_is_evicted_first() -> None:
    index = BlockIndex(4, 2)
    index.add([1, 1, 1, 1])
    index.add([2, 2, 2, 2])
    index.add([1, 1, 1, 1])
    index.add([3, 3])
    assert index.cached_tokens([1, 1, 1, 1, 0]) == 4
    assert index.cached_tokens([2, 2, 2, 2, 0]) == 0
