"""`parley backend`: Python environments for backends that cannot share Parley's own."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from parley import options

app = typer.Typer(
    help="Install backends that need a Python environment of their own.", no_args_is_help=True
)


@app.command()
def install(
    name: Annotated[
        Literal["ipex", "export"],
        typer.Argument(
            metavar="ipex|export",
            help="ipex-llm, or optimum-intel, with which “parley model prepare” converts "
            "architectures that Parley's own converter does not know.",
        ),
    ],
    cpu: Annotated[
        bool,
        typer.Option("--cpu", help="Install the CPU build, to try the backend without a GPU."),
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="FOLDER",
            help="Where to create the environment. Default: in your data folder.",
        ),
    ] = None,
    python: Annotated[
        str,
        typer.Option(
            "--python",
            metavar="PYTHON",
            help="The interpreter to create it with: Python 3.11 or 3.10. Default: searched.",
        ),
    ] = "",
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Create a Python environment with ipex-llm, and print the settings that use it; or one with
    optimum-intel, which exports models to OpenVINO's format."""
    from parley.runtime import configure, run

    configure(config, verbose=verbose, log_to_file=not verbose)
    if name == "export":
        run(_install_export(folder, python, cpu=cpu))
    else:
        run(_install(name, folder, python, cpu=cpu))


async def _install_export(folder: Path | None, python: str, *, cpu: bool) -> None:
    from bot.config import APP
    from bot.errors import ConfigError
    from bot.files import make_private_folder
    from parley.environments.export import default_folder
    from parley.environments.install import install_environment
    from parley.environments.recipes import EXPORT

    if cpu:
        raise ConfigError("--cpu is for ipex: leave it out; models are exported on the CPU anyway.")
    if folder is None:
        from platformdirs import user_data_path

        make_private_folder(user_data_path(APP))
    target = (folder or default_folder()).expanduser().absolute()
    await install_environment(
        EXPORT, target, lambda text: typer.echo(text, err=True), python=python
    )
    where = "" if folder is None else f" --environment {target}"
    typer.echo(f"Installed. To convert a model with it: parley model prepare NAME{where}")


async def _install(name: str, folder: Path | None, python: str, *, cpu: bool) -> None:
    from platformdirs import user_data_path

    from bot.config import APP
    from bot.files import make_private_folder
    from parley.environments.install import install_environment
    from parley.environments.recipes import IPEX_CPU, IPEX_NOTICE, IPEX_XPU

    kind = f"{name}-cpu" if cpu else name
    if folder is None:
        make_private_folder(user_data_path(APP))
    target = (folder or user_data_path(APP) / "backends" / kind).expanduser().absolute()
    typer.echo(IPEX_NOTICE, err=True)
    interpreter = await install_environment(
        IPEX_CPU if cpu else IPEX_XPU,
        target,
        lambda text: typer.echo(text, err=True),
        python=python,
    )
    typer.echo("Installed. To use it, add to config.toml:")
    typer.echo("[model]")
    typer.echo(f'backend = "{name}"')
    typer.echo(f"python = '{interpreter}'")
    if cpu:
        typer.echo('device = "cpu"')
