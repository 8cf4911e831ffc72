"""`parley doctor`: checks of the installation, each with its remedy."""

from typing import Annotated

import typer

from parley import options


def doctor(
    selftest: Annotated[
        bool,
        typer.Option(
            "--selftest",
            help="Run the demo model on the configured device, compare its results with the CPU's, "
            "measure its speed, and print a report that can be pasted into an issue.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix",
            help="Then offer to put right what can be: a missing config.toml, secrets that others "
            "can read, a model that is not downloaded, commands that Discord does not know.",
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="With --fix: put all of it right without asking.")
    ] = False,
    config: options.Config = None,
) -> None:
    """Check drivers, devices, backends, model, database and platforms; suggest remedies.

    The exit code is 1 if something that the settings ask for cannot work. Without --fix nothing is
    changed.
    """
    from parley.commands.doctor_report import fix_and_report, report_checks, report_selftest
    from parley.runtime import run

    if fix:
        if selftest or as_json:
            raise typer.BadParameter("--fix asks questions: leave --json and --selftest out")
        run(fix_and_report(config, yes=yes))
        return
    report = report_selftest if selftest else report_checks
    run(report(config, as_json=as_json))
