"""`parley backend`: environments of backends that exclude Parley's own, and llama.cpp's server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from parley import options

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    help="Install backends that are not part of Parley's own environment.", no_args_is_help=True
)


@app.command()
def install(
    name: Annotated[
        Literal["ipex", "llamacpp", "export"],
        typer.Argument(
            metavar="ipex|llamacpp|export",
            help="ipex-llm; llama.cpp's server for GGUF files; or optimum-intel, with which "
            "“parley model prepare” exports what Parley's own converter does not know.",
        ),
    ],
    cpu: Annotated[
        bool,
        typer.Option("--cpu", help="Install the CPU build, to try the backend without a GPU."),
    ] = False,
    gpu: Annotated[
        Literal["vulkan", "sycl", "cuda"] | None,
        typer.Option(
            "--gpu",
            help="llamacpp only: build it for GPUs, too. Default: for the CPU alone.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="FOLDER",
            help="Where to install it. Default: in your data folder.",
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
    """Install a backend, and print the settings that use it.

    ipex creates a Python environment with ipex-llm, and export one with optimum-intel, which
    exports models to OpenVINO's format. llamacpp builds llama.cpp's server from source, for this
    machine's processor, which takes 5 to 10 minutes and needs a C++ compiler.
    """
    from parley.runtime import configure, run

    configure(config, verbose=verbose, log_to_file=not verbose)
    if name == "llamacpp":
        run(_build_llamacpp(folder, gpu or "", others=cpu or bool(python)))
    elif name == "export":
        run(_install_export(folder, python, others=cpu or gpu is not None))
    else:
        run(_install(name, folder, python, cpu=cpu, gpu=gpu or ""))


async def _install_export(folder: Path | None, python: str, *, others: bool) -> None:
    from bot.config import APP
    from bot.errors import ConfigError
    from bot.files import make_private_folder
    from parley.environments.export import default_folder
    from parley.environments.install import install_environment
    from parley.environments.recipes import EXPORT

    if others:
        raise ConfigError(
            "--cpu and --gpu are not for exports, which are made on the CPU: leave them out."
        )
    if folder is None:
        from platformdirs import user_data_path

        make_private_folder(user_data_path(APP))
    target = (folder or default_folder()).expanduser().absolute()
    await install_environment(
        EXPORT, target, lambda text: typer.echo(text, err=True), python=python
    )
    where = "" if folder is None else f" --environment {target}"
    typer.echo(f"Installed. To convert a model with it: parley model prepare NAME{where}")


async def _build_llamacpp(folder: Path | None, gpu: str, *, others: bool) -> None:
    from rich.console import Console

    from bot.config import APP
    from bot.errors import ConfigError
    from bot.files import make_private_folder
    from parley.environments.llamacpp import default_folder
    from parley.environments.llamacpp_build import build_server

    if others:
        raise ConfigError("--cpu and --python are for ipex: leave them out.")
    if folder is None:
        from platformdirs import user_data_path

        make_private_folder(user_data_path(APP))
    target = (folder or default_folder()).expanduser().absolute()
    with build_progress(Console(stderr=True)) as progress:
        binary = await build_server(target, gpu, lambda text: typer.echo(text, err=True), progress)
    if folder is None:
        typer.echo(f"Installed: {binary}. GGUF files are run by it from now on.")
        return
    typer.echo("Installed. To use it, add to config.toml:")
    typer.echo("[model.llamacpp]")
    typer.echo(f"server = '{binary}'")


@contextmanager
def build_progress(console: "Console") -> Iterator[Callable[[str, int, int], None]]:
    """Show how far a build is, on one line, if `console` is a terminal. Yields the function that
    updates it."""
    from rich.text import Text

    status = console.status(Text("", style="dim"), spinner_style="dim")

    def report(what: str, done: int, total: int) -> None:
        status.update(Text(f"{what}: {done} of {total}", style="dim"))

    with status if console.is_terminal and not console.is_dumb_terminal else nullcontext():
        yield report


async def _install(name: str, folder: Path | None, python: str, *, cpu: bool, gpu: str) -> None:
    from platformdirs import user_data_path

    from bot.config import APP
    from bot.errors import ConfigError
    from bot.files import make_private_folder
    from parley.environments.install import install_environment
    from parley.environments.ipex import default_folder
    from parley.environments.recipes import IPEX_CPU, IPEX_NOTICE, IPEX_XPU

    if gpu:
        raise ConfigError("--gpu is for llamacpp: leave it out.")
    if folder is None:
        make_private_folder(user_data_path(APP))
    target = (folder or default_folder(cpu=cpu)).expanduser().absolute()
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
