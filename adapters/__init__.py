"""The platforms: events of Discord, Slack or the terminal in, surfaces for answers out."""
