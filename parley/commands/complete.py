"""`parley complete`: plain text completion, without a chat format."""

from typing import Annotated

import typer

from parley import options


def complete(
    text: Annotated[
        str, typer.Argument(help=r"The text to go on with; \n is a line break, - standard input.")
    ],
    max_new_tokens: options.MaxNewTokens = None,
    temperature: options.Temperature = 0.0,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Let the model go on with a text, without any chat around it."""
    from parley.commands.ask_work import complete
    from parley.runtime import run, started, with_generation

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    settings = with_generation(settings, max_new_tokens, temperature)
    run(complete(settings, text))
