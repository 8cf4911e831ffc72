"""`parley bench`: how fast this machine answers, beside the same model without Parley."""

from pathlib import Path
from typing import Annotated

import typer

from parley import options

MOST_ROUNDS = 100


def _rounds_in_range(rounds: int | None) -> int | None:
    """Raises BadParameter, which names the whole range."""
    if rounds is not None and not 1 <= rounds <= MOST_ROUNDS:
        raise typer.BadParameter(f"{rounds} is not a number from 1 to {MOST_ROUNDS}")
    return rounds


def bench(
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Under three minutes with a small model; no other programs."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object, made to be shared.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", help="Another model than that of the settings."),
    ] = None,
    gguf: Annotated[
        Path | None,
        typer.Option(
            "--gguf",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="The same model as a GGUF file: measures llama.cpp's server with it, too. "
            "Not with --quick, which measures no other programs.",
        ),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            metavar="N",
            callback=_rounds_in_range,
            help=f"From 1 to {MOST_ROUNDS}. Default: 5.",
        ),
    ] = None,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Measure tokens a second and the time to the first token, for one answer and many at once.

    Parley's figures go from the question to the last edit of the answer. Beside them are those of
    the library alone, on the same prompts, and of Hugging Face's transformers and of ipex-llm where
    they are installed. Nothing is stored and nothing is sent anywhere. End a running Parley first:
    two programs would share the machine.
    """
    from parley.commands import bench_work
    from parley.runtime import configure, run

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    chosen = bench_work.Chosen(quick, as_json, model, gguf, rounds, verbose)
    run(bench_work.measure(settings, chosen))
