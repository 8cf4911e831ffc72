"""Passwords in addresses."""

import pytest

from bot.url_passwords import has_password, without_passwords

WITH = {
    "http://me:pw@10.0.0.2:8000/v1": "http://****@10.0.0.2:8000/v1",
    "https://key@host/v1": "https://****@host/v1",
    "postgresql+asyncpg://u:p%40ss@db/parley": "postgresql+asyncpg://****@db/parley",
    "http://me:a@b@host/v1": "http://****@host/v1",
}
WITHOUT = (
    "http://127.0.0.1:11434/v1",
    "http://host/v1?mail=a@b.org",
    "http://host/@name",
    "sqlite:///parley.sqlite3",
    "me@example.org",
)


@pytest.mark.parametrize("address", WITH)
def test_what_stands_before_the_host_is_hidden(address: str) -> None:
    assert has_password(address)
    assert has_password(["http://host", address])
    assert without_passwords(f"{address} and {address} are down") == (
        f"{WITH[address]} and {WITH[address]} are down"
    )


@pytest.mark.parametrize("address", WITHOUT)
def test_an_address_without_a_password_stays(address: str) -> None:
    assert not has_password(address)
    assert not has_password((address,))
    assert without_passwords(address) == address


def test_what_is_no_text_has_no_password() -> None:
    assert not has_password(8)
    assert not has_password(None)
