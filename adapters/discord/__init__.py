"""Parley on Discord, by discord.py.

Where an event enters: `client`. What a message asks for: `incoming`; a command: `slash`; a button:
`buttons`. What an event that is not as it should be does: `malformed`. How an answer is shown: `surface`, sent by `api`. `serve` runs all of it.
"""
