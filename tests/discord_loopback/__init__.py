"""A Discord on the loopback interface: REST with real buckets, and a gateway that can break.

`Loopback` is a server on 127.0.0.1 with its world of servers, channels and people. The real
discord.py client talks to it over HTTP and a web socket. Formats are those of Discord's own
documentation (https://discord.com/developers/docs).
"""

from tests.discord_loopback.limits import Window
from tests.discord_loopback.server import Loopback
from tests.discord_loopback.world import BOT, TOKEN, Channel, Interaction, Message, User, World

__all__ = [
    "BOT",
    "TOKEN",
    "Channel",
    "Interaction",
    "Loopback",
    "Message",
    "User",
    "Window",
    "World",
]
