"""Parley on Slack, by Bolt: Socket Mode or HTTP, one workspace or several.

Where an event enters: `client`. What a message asks for: `incoming`; a command: `slash`; a button:
`buttons`. How an answer is shown: `surface`, streamed by `streams`. `serve` runs all of it.
"""
