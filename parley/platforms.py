"""The platforms that Parley knows, and which of them the settings configure."""

from bot.config import Settings


def configured_platforms(settings: Settings) -> dict[str, bool]:
    """Every platform by its name, and whether the settings hold a token for it."""
    return {
        "Discord": bool(settings.discord.token.get_secret_value()),
        "Slack": settings.slack.on,
    }
