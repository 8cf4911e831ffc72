"""Who may ask where, and who is an admin, as the configuration says; the same on every platform."""

from collections.abc import Collection
from dataclasses import dataclass

Ids = frozenset[str]
"""Ids as the platform writes them. An empty list to allow allows everybody."""


@dataclass(frozen=True, slots=True)
class AllowBlock:
    """Two lists of ids. What is blocked is blocked; where anything is allowed, only that is."""

    allowed: Ids = frozenset()
    blocked: Ids = frozenset()

    def permits(self, ids: Collection[str]) -> bool:
        """Whether something that goes by any of `ids` may pass."""
        if self.blocked.intersection(ids):
            return False
        return not self.allowed or bool(self.allowed.intersection(ids))


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one platform. The configuration's admins pass the lists of people and roles.
    In a DM nobody has roles: where only roles are allowed, nobody may ask in one."""

    workspaces: AllowBlock = AllowBlock()
    channels: AllowBlock = AllowBlock()
    roles: AllowBlock = AllowBlock()
    people: AllowBlock = AllowBlock()
    admin_roles: Ids = frozenset()
    admin_people: Ids = frozenset()

    def place(self, workspace: str, ids: Collection[str], *, direct: bool) -> bool:
        """Whether the bot answers here. `ids`: the channel's id and those above it (a thread's
        channel, a category). The lists of channels say nothing of direct messages, and those of
        workspaces nothing of direct messages outside of any (`workspace` "")."""
        if workspace and not self.workspaces.permits([workspace]):
            return False
        return direct or self.channels.permits(ids)

    def person(self, person: str, roles: Collection[str]) -> bool:
        """Whether this person may ask. Where both people and roles are allowed, either is enough:
        somebody on one of the lists passes."""
        if self.named_admin(person, roles):
            return True
        if person in self.people.blocked or self.roles.blocked.intersection(roles):
            return False
        if not (self.people.allowed or self.roles.allowed):
            return True
        return person in self.people.allowed or bool(self.roles.allowed.intersection(roles))

    def named_admin(self, person: str, roles: Collection[str]) -> bool:
        """Whether the configuration makes this person an admin."""
        return person in self.admin_people or bool(self.admin_roles.intersection(roles))
