"""Parley on Discord, by discord.py.

Where an event enters: `client`. What a message asks for: `reading` and `handling`; a command:
`slash`; a button: `buttons`. How an answer is shown: `surface`, sent by `writes`.
"""

from adapters.discord.registering import invite_link, sync_commands
from adapters.discord.serving import serve

__all__ = ["invite_link", "serve", "sync_commands"]
