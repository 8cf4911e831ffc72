"""Options that contradict each other, or ask for what cannot be: named, never passed over."""

from bot.errors import ConfigError
from parley.setup.answers import Answers
from parley.setup.channels import parse_channel
from parley.setup.platforms import Platforms


def require_consistent(answers: Answers) -> None:
    """Raise ConfigError where options exclude each other, or where a variable or a channel that
    one of them names is wrong: asked before anything is done, so that no download is in vain."""
    for channel in answers.channels:
        parse_channel(channel)
    for first, second, clash in _exclusive(answers):
        if clash:
            raise ConfigError(f"{first} and {second} exclude each other: leave one of them out.")
    if answers.server_model and not answers.server:
        raise ConfigError(
            "--server-model names a model of a server: give the server's address with --server, "
            "or a model of this machine with --model."
        )
    for option, variable in _variables(answers):
        answers.secret(variable, option)


def _exclusive(answers: Answers) -> tuple[tuple[str, str, bool], ...]:
    """Two options each, and whether both are given."""
    of_slack = answers.slack_bot_token_env or answers.slack_app_token_env
    no_page = answers.web is False
    return (
        ("--model", "--server", bool(answers.model and answers.server)),
        (
            "--no-discord",
            "--discord-token-env",
            answers.discord is False and bool(answers.discord_token_env),
        ),
        (
            "--no-slack",
            "a variable with a token of Slack",
            answers.slack is False and bool(of_slack),
        ),
        ("--no-message", "--channel", answers.message is False and bool(answers.channels)),
        ("--no-web", "--web-password-env", no_page and bool(answers.web_password_env)),
    )


def _variables(answers: Answers) -> tuple[tuple[str, str], ...]:
    return (
        ("--discord-token-env", answers.discord_token_env),
        ("--slack-bot-token-env", answers.slack_bot_token_env),
        ("--slack-app-token-env", answers.slack_app_token_env),
        ("--web-password-env", answers.web_password_env),
    )


def undone(answers: Answers, on: Platforms) -> str:
    """What options ask for that cannot be, because a platform is not set up, in one line; ""
    where there is nothing of the kind."""
    if on.discord or on.slack:
        off = {"discord": not on.discord, "slack": not on.slack}
        named = [
            f"--channel {each}"
            for each in answers.channels
            if off.get(parse_channel(each).platform)
        ]
    else:
        named = [option for option, given in _of_a_platform(answers) if given]
    if not named:
        return ""
    return (
        f"{', '.join(named)}: not done, because the platform for it is not set up. Give its token "
        "too, for example with --discord-token-env."
    )


def _of_a_platform(answers: Answers) -> tuple[tuple[str, object], ...]:
    """Options that mean something only where there is a platform to answer on."""
    return (
        ("--channel", answers.channels),
        ("--web", answers.web),
        ("--web-password-env", answers.web_password_env),
        ("--service", answers.service),
        ("--run", answers.run),
    )
