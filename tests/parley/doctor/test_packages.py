from bot.checks import State
from parley.doctor.packages import check_packages, check_python


def test_an_old_python_is_refused_with_the_remedy() -> None:
    assert check_python((3, 11, 0)).state is State.OK
    old = check_python((3, 10, 12))
    assert old.state is State.FAILED
    assert "3.11" in old.remedy


def test_what_parley_itself_needs_is_there() -> None:
    (result,) = check_packages()
    assert result.state is State.OK


def test_missing_and_wrong_packages_are_named_with_how_to_get_them() -> None:
    missing, wrong = check_packages(
        ["no-such-package-here>=2", "aiohttp<1", "rich", 'torch; extra == "torch"']
    )
    assert (missing.what, missing.state) == ("no-such-package-here", State.FAILED)
    assert '-m pip install "no-such-package-here>=2"' in missing.remedy
    assert wrong.what == "aiohttp"
    assert "<1 is required" in wrong.detail
