"""Allow and block lists, and who is an admin."""

from adapters.common.access import Access, AllowBlock


def ids(*names: str) -> frozenset[str]:
    return frozenset(names)


def test_without_lists_everybody_may_ask_everywhere() -> None:
    assert Access().place("g", ["c"], direct=False)
    assert Access().person("p", [])
    assert not Access().named_admin("p", ["r"])


def test_where_anything_is_allowed_only_that_is() -> None:
    access = Access(channels=AllowBlock(allowed=ids("c1")))
    assert access.place("g", ["c1"], direct=False)
    assert not access.place("g", ["c2"], direct=False)


def test_a_thread_goes_by_its_channels_and_its_categorys_id_too() -> None:
    access = Access(channels=AllowBlock(allowed=ids("category"), blocked=ids("secret")))
    assert access.place("g", ["thread", "channel", "category"], direct=False)
    assert not access.place("g", ["thread", "secret", "category"], direct=False)


def test_a_guild_that_is_blocked_is_blocked_in_every_channel() -> None:
    access = Access(workspaces=AllowBlock(blocked=ids("g")), channels=AllowBlock(allowed=ids("c")))
    assert not access.place("g", ["c"], direct=False)


def test_channel_lists_say_nothing_of_direct_messages() -> None:
    channels = AllowBlock(allowed=ids("c"))
    assert Access(channels=channels).place("", ["d"], direct=True)
    assert Access(channels=channels).place("g", ["d"], direct=True)


def test_a_direct_message_belongs_to_its_workspace_if_it_has_one() -> None:
    access = Access(workspaces=AllowBlock(allowed=ids("g")))
    assert access.place("g", ["d"], direct=True)
    assert not access.place("h", ["d"], direct=True)
    assert access.place("", ["d"], direct=True)


def test_a_person_passes_by_name_or_by_role() -> None:
    access = Access(people=AllowBlock(allowed=ids("ana")), roles=AllowBlock(allowed=ids("staff")))
    assert access.person("ana", [])
    assert access.person("ben", ["staff"])
    assert not access.person("ben", ["guests"])


def test_blocked_wins_over_allowed() -> None:
    access = Access(people=AllowBlock(allowed=ids("ana"), blocked=ids("ana")))
    assert not access.person("ana", [])
    assert not Access(roles=AllowBlock(blocked=ids("muted"))).person("ben", ["muted"])


def test_admins_of_the_configuration_always_pass() -> None:
    access = Access(
        people=AllowBlock(blocked=ids("ana")), admin_people=ids("ana"), admin_roles=ids("mods")
    )
    assert access.person("ana", [])
    assert access.named_admin("ben", ["mods"])
