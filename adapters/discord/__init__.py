"""Parley on Discord, by discord.py.

Where an event enters: `client`. What a message asks for: `incoming`; a command: `slash`; a button:
`buttons`. Malformed events end in: `malformed`. How an answer is shown: `surface`, sent
by `api`. `serve` runs all of it.
"""
