"""`parley ask`: a single question."""

from typing import Annotated

import typer

from parley import options


def ask(
    question: Annotated[
        str, typer.Argument(help="The question; “-” reads it from standard input.")
    ],
    conversation: Annotated[
        str | None,
        typer.Option(
            "--conversation",
            metavar="NAME",
            help="Ask within this conversation and store question and answer in it. Without this "
            "option nothing is stored.",
        ),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(
            "--system",
            metavar="TEXT",
            help="The system prompt. With --conversation it is stored as that conversation's.",
        ),
    ] = None,
    thinking: Annotated[
        bool,
        typer.Option(
            "--thinking", help="Show on standard error what the model thinks before it answers."
        ),
    ] = False,
    max_new_tokens: options.MaxNewTokens = None,
    temperature: options.Temperature = None,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Ask a single question and print the answer to standard output."""
    from parley.commands.ask_work import ask
    from parley.runtime import configure, override_generation, run

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    settings = override_generation(settings, max_new_tokens, temperature)
    run(ask(settings, question, conversation, system, thinking=thinking))
