"""`parley model`: downloading, converting, listing and deleting models."""

from pathlib import Path
from typing import Annotated

import typer

from parley import options

app = typer.Typer(help="Download, convert, list and delete models.", no_args_is_help=True)

HubName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Its name on the Hugging Face Hub: OpenVINO/Qwen3-8B-int4-ov. For a GGUF repository, "
        "the quantization may follow: org/model-GGUF:Q4_K_M.",
    ),
]
InstalledName = Annotated[
    str, typer.Argument(metavar="NAME", help="As “parley model list” shows it, or a folder.")
]


@app.command()
def pull(
    name: HubName,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Download it also if nothing here runs it, or it is too large."
        ),
    ] = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Download a model from the Hugging Face Hub. An interrupted download is resumed.

    First it is looked at: what would run it, and how large it is. What nothing here runs, or does
    not fit into this machine's memory, is refused with what to choose instead. Gated models, such
    as Llama 2, need an access token in the environment variable HF_TOKEN.
    """
    from parley.commands import model_work
    from parley.runtime import configure, run

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    run(model_work.pull_model(settings, name, force=force))


@app.command()
def prepare(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The model. Default: the one in the settings."),
    ] = None,
    low_bit: Annotated[
        options.LowBit | None,
        typer.Option(
            "--low-bit",
            metavar="TYPE",
            help="The quantization, such as sym_int4. Default: low_bit in the settings.",
        ),
    ] = None,
    environment: Annotated[
        Path | None,
        typer.Option(
            "--environment",
            metavar="FOLDER",
            help="Where “parley backend install export” created its environment, if not in the "
            "data folder.",
        ),
    ] = None,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Convert and quantize a model now, so that the first start is fast.

    The model is loaded once, with the backend of the settings. The result is kept as a converted
    model. Architectures that Parley's own converter does not know are exported with optimum-intel,
    after “parley backend install export”.
    """
    from parley.commands import model_work
    from parley.runtime import configure, run

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    run(model_work.prepare(settings, name, low_bit, environment))


@app.command()
def compare(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The model. Default: the one in the settings."),
    ] = None,
    low_bit: Annotated[
        list[str] | None,
        typer.Option(
            "--low-bit",
            metavar="TYPE",
            help="A quantization to compare; may be repeated. Default: all of OpenVINO's.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Measure what each quantization of a model loses against 16 bits.

    The model is converted and run with OpenVINO on the processor, once for each quantization.
    """
    from parley.commands import model_compare
    from parley.runtime import configure, run

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    run(model_compare.compare(settings, name, low_bit or [], as_json=as_json))


@app.command("list")
def list_(
    available: Annotated[
        bool,
        typer.Option("--available", help="List models of the catalogue that can be downloaded."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """List the models on this machine, with what runs them, their folders and converted models."""
    from parley.commands import model_choice, model_work
    from parley.runtime import configure

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    if available:
        model_choice.list_available(as_json=as_json)
    else:
        model_work.list_models(settings, as_json=as_json)


@app.command()
def recommend(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Name up to three models that fit this machine's GPU and memory, best first."""
    from parley.commands import model_choice
    from parley.runtime import configure, run

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    run(model_choice.recommend_models(settings, as_json=as_json))


@app.command()
def remove(
    name: InstalledName,
    only_converted: Annotated[
        bool,
        typer.Option(
            "--converted", "--prepared", help="Delete only its converted models, not the download."
        ),
    ] = False,
    low_bit: Annotated[
        options.LowBit | None,
        typer.Option(
            "--low-bit",
            metavar="TYPE",
            help="Delete only its converted models with this quantization.",
        ),
    ] = None,
    yes: options.Yes = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Delete a downloaded model and what was converted from it."""
    from parley.commands import model_work
    from parley.runtime import configure

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    model_work.remove_model(settings, name, only_converted=only_converted, low_bit=low_bit, yes=yes)


@app.command()
def prune(
    yes: options.Yes = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Delete converted models that are no longer used: their model was deleted or has changed."""
    from parley.commands import model_work
    from parley.runtime import configure

    model_work.prune(configure(config, verbose=verbose, log_to_file=not verbose), yes=yes)
