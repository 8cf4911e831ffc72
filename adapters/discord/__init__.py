"""Parley on Discord."""

from adapters.discord.serving import serve

__all__ = ["serve"]
