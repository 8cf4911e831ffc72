"""The ledger counts whole blocks that begin a prompt, and forgets the oldest."""

from bot.worker.backends.kv_cache.prefix_ledger import PrefixLedger


def test_nothing_is_cached_at_first() -> None:
    assert PrefixLedger(10, 4).cached(range(100)) == 0


def test_whole_blocks_of_the_same_beginning_count() -> None:
    ledger = PrefixLedger(10, 4)
    ledger.remember([1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert ledger.cached([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) == 8
    assert ledger.cached([1, 2, 3, 4, 0, 6, 7, 8]) == 4
    assert ledger.cached([0, 2, 3, 4, 5, 6, 7, 8]) == 0


def test_the_same_block_after_something_else_is_another() -> None:
    ledger = PrefixLedger(10, 2)
    ledger.remember([1, 2, 3, 4])
    assert ledger.cached([3, 4, 1, 2]) == 0


def test_the_last_token_of_a_prompt_is_always_read() -> None:
    ledger = PrefixLedger(10, 2)
    ledger.remember([1, 2, 3, 4])
    assert ledger.cached([1, 2, 3, 4]) == 3


def test_what_was_used_least_lately_goes_first() -> None:
    ledger = PrefixLedger(4, 2)
    ledger.remember([1, 1, 1, 1])
    ledger.remember([2, 2, 2, 2])
    ledger.remember([1, 1, 1, 1])
    ledger.remember([3, 3])
    assert ledger.cached([1, 1, 1, 1, 0]) == 4
    assert ledger.cached([2, 2, 2, 2, 0]) == 0
