"""`parley model`: download, prepare, list, remove and prune models."""

from typing import Annotated

import typer

from parley import options

app = typer.Typer(help="Download, prepare, list and remove models.", no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="As on the Hub: meta-llama/Llama-2-7b-chat-hf.")
]
Here = Annotated[
    str, typer.Argument(metavar="NAME", help="As “parley model list” has it, or a folder.")
]


@app.command()
def pull(name: Name, config: options.Config = None, verbose: options.Verbose = False) -> None:
    """Download a model from the Hugging Face Hub. Called again, it goes on where it stopped.

    Gated models (Llama 2 is one) need a token in the variable HF_TOKEN.
    """
    from parley.commands import model_work as models
    from parley.runtime import run, started

    started(config, verbose=verbose, log_to_file=not verbose)
    run(models.pull_model(name))


@app.command()
def prepare(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The model; without it, the one in the settings."),
    ] = None,
    low_bit: Annotated[
        options.LowBit | None, typer.Option("--low-bit", help="Instead of [model] low_bit.")
    ] = None,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Convert a model for the back end now, so that the first start is quick. Loads it once."""
    from parley.commands import model_work as models
    from parley.runtime import run, started

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    run(models.prepare(settings, name, low_bit))


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """List the models on this machine, where they lie and which forms are prepared."""
    from parley.commands import model_work as models
    from parley.runtime import started

    models.list_models(started(config, verbose=verbose, log_to_file=not verbose), as_json=as_json)


@app.command()
def remove(
    name: Here,
    prepared: Annotated[
        bool, typer.Option("--prepared", help="Only the prepared forms; keep the download.")
    ] = False,
    low_bit: Annotated[
        options.LowBit | None,
        typer.Option("--low-bit", help="Only the prepared form of this kind."),
    ] = None,
    yes: options.Yes = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Delete a downloaded model and its prepared forms."""
    from parley.commands import model_work as models
    from parley.runtime import started

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    models.remove_model(settings, name, only_prepared=prepared, low_bit=low_bit, yes=yes)


@app.command()
def prune(
    yes: options.Yes = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Delete prepared forms that no start would use: of models that are gone or have changed."""
    from parley.commands import model_work as models
    from parley.runtime import started

    models.prune(started(config, verbose=verbose, log_to_file=not verbose), yes=yes)
