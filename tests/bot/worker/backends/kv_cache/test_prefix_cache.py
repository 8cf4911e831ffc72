"""Which KV cache a prompt reuses. A cache is a list of tokens here."""

from bot.worker.backends.kv_cache.prefix_cache import PrefixCache

Cache = list[int]


def crop(cache: Cache, length: int) -> Cache:
    del cache[length:]
    return cache


def copy(cache: Cache, length: int) -> Cache:
    return cache[:length]


def prefix_cache(capacity: int = 1000) -> PrefixCache:
    return PrefixCache(capacity, crop, copy)


TURN = list(range(100))


def test_the_next_turn_reuses_the_cache_of_the_last() -> None:
    prefixes = prefix_cache()
    prefixes.put(TURN, [*TURN, 7, 8])
    cache, known = prefixes.take([*TURN, 500, 501])
    assert (cache, known) == (TURN, 100)
    assert prefixes.tokens == 0


def test_a_cache_is_cropped_where_the_prompt_differs() -> None:
    prefixes = prefix_cache()
    prefixes.put(TURN, list(TURN))
    cache, known = prefixes.take([*TURN[:80], 999, 999])
    assert (cache, known) == (TURN[:80], 80)


def test_the_last_token_of_a_prompt_is_never_taken_from_the_cache() -> None:
    prefixes = prefix_cache()
    prefixes.put(TURN, list(TURN))
    _, known = prefixes.take(TURN)
    assert known == 99


def test_another_conversation_with_the_same_prefix_copies_it() -> None:
    prefixes = prefix_cache()
    prefixes.put(TURN, list(TURN))
    cache, known = prefixes.take([*TURN[:30], *range(900, 950)])
    assert (cache, known) == (TURN[:30], 30)
    assert prefixes.take([*TURN, 5])[1] == 100


def test_a_cache_in_use_is_copied_and_left_as_it_is() -> None:
    prefixes = prefix_cache()
    used = [*TURN, 7, 8]
    cache, known = prefixes.take([*TURN, 500], [([*TURN, 7], used)])
    assert (cache, known) == (TURN, 100)
    assert used == [*TURN, 7, 8]


def test_a_cache_that_nobody_uses_is_preferred_to_a_copy() -> None:
    prefixes = prefix_cache()
    kept = list(TURN)
    prefixes.put(TURN, kept)
    cache, _ = prefixes.take([*TURN, 500], [(TURN, list(TURN))])
    assert cache is kept


def test_a_prefix_too_short_to_pay_is_not_reused() -> None:
    prefixes = prefix_cache()
    prefixes.put(TURN, list(TURN))
    assert prefixes.take([0, 1, 2, 999]) == (None, 0)


def test_the_least_recently_used_is_evicted_first() -> None:
    prefixes = prefix_cache(capacity=250)
    for start in (0, 1000, 2000):
        prefixes.put(list(range(start, start + 100)), list(range(start, start + 100)))
    assert prefixes.tokens == 200
    assert prefixes.take([*range(100), 5]) == (None, 0)
    prefixes.make_room(150)
    assert prefixes.tokens == 100
    assert prefixes.take([*range(2000, 2100), 5])[1] == 100
