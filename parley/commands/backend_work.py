"""What `parley backend` does."""

from pathlib import Path

import typer
from platformdirs import user_data_path

from bot.config import APP
from bot.files import make_private_folder
from parley.environments.install import install
from parley.environments.recipes import IPEX_CPU, IPEX_NOTICE, IPEX_XPU


async def install_backend(name: str, folder: Path | None, python: str, *, cpu: bool) -> None:
    """Make the environment; say what to write into the settings."""
    recipe = IPEX_CPU if cpu else IPEX_XPU
    kind = f"{name}-cpu" if cpu else name
    if folder is None:
        make_private_folder(user_data_path(APP))
    target = (folder or user_data_path(APP) / "backends" / kind).expanduser().absolute()
    typer.echo(IPEX_NOTICE, err=True)
    interpreter = await install(
        recipe, target, lambda text: typer.echo(text, err=True), python=python
    )
    typer.echo("It is there. To use it, write into the settings:")
    typer.echo("[model]")
    typer.echo(f'backend = "{name}"')
    typer.echo(f"python = '{interpreter}'")
    if cpu:
        typer.echo('device = "cpu"')
