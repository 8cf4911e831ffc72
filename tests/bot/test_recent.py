from bot.recent import Recent, Seen


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert ("a" in recent, "b" in recent, "c" in recent) == (True, False, True)
    assert recent.get("b") is None


def test_a_key_holds_its_newest_value_and_can_be_dropped() -> None:
    recent: Recent[str, int] = Recent(1)
    recent.put("a", 1)
    recent.put("a", 2)
    assert recent.get("a") == 2
    recent.drop("a")
    recent.drop("a")
    assert "a" not in recent


def test_an_event_is_new_once() -> None:
    seen: Seen[int] = Seen(2)
    assert [seen.add(event) for event in (1, 1, 2)] == [True, False, True]
    assert 1 in seen
    assert seen.add(3)
    assert 1 not in seen
    assert seen.add(1)
