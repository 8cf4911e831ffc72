"""`parley ask`: one question, one answer."""

from typing import Annotated

import typer

from parley import options


def ask(
    question: Annotated[str, typer.Argument(help="The question; - reads it from standard input.")],
    conversation: Annotated[
        str | None,
        typer.Option(
            "--conversation",
            metavar="NAME",
            help="Remember question and answer in this conversation. Without it, nothing is kept.",
        ),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(
            "--system",
            metavar="TEXT",
            help="What the model is told first. With --conversation it stays so there.",
        ),
    ] = None,
    max_new_tokens: options.MaxNewTokens = None,
    temperature: options.Temperature = None,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Ask one question; the answer goes to standard output."""
    from parley.commands.ask_work import ask
    from parley.runtime import run, started, with_generation

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    settings = with_generation(settings, max_new_tokens, temperature)
    run(ask(settings, question, conversation, system))
