"""`parley complete`: plain text completion."""

from typing import Annotated

import typer

from parley import options


def complete(
    text: Annotated[
        str,
        typer.Argument(
            help=r"The text to continue, in which \n is a line break; “-” reads it from standard "
            "input."
        ),
    ],
    max_new_tokens: options.MaxNewTokens = None,
    temperature: options.Temperature = 0.0,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Continue a text as it is, without chat template and system prompt."""
    from parley.commands.ask_work import complete
    from parley.runtime import configure, override_generation, run

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    settings = override_generation(settings, max_new_tokens, temperature)
    run(complete(settings, text))
