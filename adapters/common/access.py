"""Access control: allow and block lists for places and people, and the admins, as configured."""

from collections.abc import Collection
from dataclasses import dataclass

Ids = frozenset[str]
"""Ids as the platform writes them."""


@dataclass(frozen=True, slots=True)
class AllowBlock:
    """An allow list and a block list. The block list wins; an empty allow list allows
    everything."""

    allowed: Ids = frozenset()
    blocked: Ids = frozenset()

    def permits(self, ids: Collection[str]) -> bool:
        """Whether something with these `ids` (its own and those of what it belongs to) passes: none
        is blocked, and one is allowed where the allow list has entries."""
        if self.blocked.intersection(ids):
            return False
        return not self.allowed or bool(self.allowed.intersection(ids))


@dataclass(frozen=True, slots=True)
class Access:
    """The lists of one platform. `admin_people` and `admin_roles` pass the lists of people and
    roles. In a direct message nobody has roles: where only roles are allowed, nobody may ask in
    one."""

    workspaces: AllowBlock = AllowBlock()
    channels: AllowBlock = AllowBlock()
    roles: AllowBlock = AllowBlock()
    people: AllowBlock = AllowBlock()
    admin_roles: Ids = frozenset()
    admin_people: Ids = frozenset()

    def place(self, workspace: str, ids: Collection[str], *, direct: bool) -> bool:
        """Whether the bot answers in a place. `ids`: the channel's id and those of its parents (a
        thread's channel, a category). The lists of channels do not apply to direct messages, those
        of workspaces do not apply where `workspace` is ""."""
        if workspace and not self.workspaces.permits([workspace]):
            return False
        return direct or self.channels.permits(ids)

    def person(self, person: str, roles: Collection[str]) -> bool:
        """Whether this person may ask. Where both people and roles have an allow list, being on one
        of them is enough."""
        if self.named_admin(person, roles):
            return True
        if person in self.people.blocked or self.roles.blocked.intersection(roles):
            return False
        if not (self.people.allowed or self.roles.allowed):
            return True
        return person in self.people.allowed or bool(self.roles.allowed.intersection(roles))

    def named_admin(self, person: str, roles: Collection[str]) -> bool:
        """Whether the configuration names this person, or one of the `roles`, as an admin."""
        return person in self.admin_people or bool(self.admin_roles.intersection(roles))
