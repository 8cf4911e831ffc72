"""Which cache a prompt takes over. A cache is a list of tokens here."""

from bot.worker.backends.kv_cache.kept_caches import KeptCaches

Cache = list[int]


def cut(cache: Cache, length: int) -> Cache:
    del cache[length:]
    return cache


def copy(cache: Cache, length: int) -> Cache:
    return cache[:length]


def caches(capacity: int = 1000) -> KeptCaches:
    return KeptCaches(capacity, cut, copy)


TURN = list(range(100))


def test_the_next_turn_takes_over_the_cache_of_the_last() -> None:
    kept = caches()
    kept.keep(TURN, [*TURN, 7, 8])
    cache, known = kept.take([*TURN, 500, 501])
    assert (cache, known) == (TURN, 100)
    assert kept.tokens == 0


def test_a_cache_is_cut_where_the_prompt_differs() -> None:
    kept = caches()
    kept.keep(TURN, list(TURN))
    cache, known = kept.take([*TURN[:80], 999, 999])
    assert (cache, known) == (TURN[:80], 80)


def test_the_last_token_of_a_prompt_is_always_read() -> None:
    kept = caches()
    kept.keep(TURN, list(TURN))
    _, known = kept.take(TURN)
    assert known == 99


def test_another_conversation_with_the_same_beginning_leaves_the_first_its_cache() -> None:
    kept = caches()
    kept.keep(TURN, list(TURN))
    cache, known = kept.take([*TURN[:30], *range(900, 950)])
    assert (cache, known) == (TURN[:30], 30)
    assert kept.take([*TURN, 5])[1] == 100


def test_a_beginning_too_short_to_be_worth_it_is_read_anew() -> None:
    kept = caches()
    kept.keep(TURN, list(TURN))
    assert kept.take([0, 1, 2, 999]) == (None, 0)


def test_what_was_used_longest_ago_goes_first() -> None:
    kept = caches(capacity=250)
    for start in (0, 1000, 2000):
        kept.keep(list(range(start, start + 100)), list(range(start, start + 100)))
    assert kept.tokens == 200
    assert kept.take([*range(100), 5]) == (None, 0)
    kept.make_room(150)
    assert kept.tokens == 100
    assert kept.take([*range(2000, 2100), 5])[1] == 100
