import asyncio
import gc
import weakref

from bot.locks import KeyedLocks
from tests.until import until


async def test_who_comes_first_goes_first_and_other_keys_do_not_wait() -> None:
    locks: KeyedLocks[str] = KeyedLocks()
    entered: list[str] = []
    go_on = asyncio.Event()

    async def enter(key: str, name: str) -> None:
        async with locks(key):
            entered.append(name)
            await go_on.wait()

    async with asyncio.TaskGroup() as tasks:
        for key, name in (("a", "first"), ("a", "second"), ("b", "other")):
            tasks.create_task(enter(key, name))
        await until(lambda: len(entered) == 2)
        assert entered == ["first", "other"]
        go_on.set()
    assert entered == ["first", "other", "second"]


async def test_a_lock_that_nobody_uses_takes_no_memory() -> None:
    locks: KeyedLocks[int] = KeyedLocks()
    made = []
    for key in range(100):
        async with locks(key):
            made.append(weakref.ref(locks(key)))
    gc.collect()
    assert [lock() for lock in made] == [None] * 100
