"""People talk with Parley on a loopback Discord, over HTTP and a web socket."""

from tests.adapters.discord.scene import scene


async def test_a_mention_is_answered_and_remembered_in_the_next_turn() -> None:
    async with scene() as s:
        first = await s.answer(s.general, s.ana, "My name is Ana.")
        assert first == "[Be kind.] [] Ana: My name is Ana."
        second = await s.answer(s.general, s.ana, "Who am I?")
        assert second == "[Be kind.] [Ana: My name is Ana.] Ana: Who am I?"
