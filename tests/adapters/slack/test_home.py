"""The app's Home tab, through the real Bolt app."""

from bot.ports import Quota
from tests.adapters.slack.bench import Bench, bench
from tests.slack_loopback import ApiError, Someone
from tests.until import until


async def home(b: Bench, person: Someone) -> str:
    """The Home tab as the person sees it after opening it."""
    b.team.homes.pop(person.id, None)
    await person.open_app("D1", tab="home")
    await until(lambda: person.id in b.team.homes)
    return "\n".join(block.get("text", "") for block in b.team.homes[person.id]["blocks"])


async def test_it_says_what_parley_is_what_one_may_and_what_is_left() -> None:
    async with bench(engine={"quota": Quota(answers_per_day=3)}) as b:
        shown = await home(b, b.ana)
        assert "I am Parley" in shown
        assert "You may ask me." in shown
        assert "admin here" not in shown
        assert "scripted" in shown
        assert "3 of 3 answers" in shown
        assert "`/ask`" in shown
        await b.ana.mention("C1", "Hello")
        await b.answered()
        assert "2 of 3 answers" in await home(b, b.ana)
        assert "3 of 3 answers" in await home(b, b.ada)  # each sees their own


async def test_admins_are_told_what_they_may() -> None:
    async with bench() as b:
        shown = await home(b, b.ada)
        assert "You are an admin here" in shown
        assert "there is no limit" in shown


async def test_who_may_not_ask_is_told_so_and_nothing_of_a_quota() -> None:
    async with bench(slack={"blocked_people": ["U1"]}) as b:
        shown = await home(b, b.ana)
        assert "You are not among the people" in shown
        assert "Left for you" not in shown


async def test_it_holds_no_secret() -> None:
    async with bench() as b:
        assert "xoxb" not in await home(b, b.ana)
        assert "xapp" not in await home(b, b.ana)


async def test_where_slack_does_not_take_it_everything_else_goes_on() -> None:
    async with bench() as b:
        b.team.fail("views.publish", ApiError("not_enabled"))
        await b.ana.open_app("D1", tab="home")
        await b.ana.mention("C1", "Hello")
        await b.answered()
        assert b.team.answers("C1")
