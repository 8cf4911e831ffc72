"""`parley run`: answers on Discord and Slack."""

from parley import options


def serve(config: options.Config = None, verbose: options.Verbose = False) -> None:
    """Answer on Discord and Slack, wherever a token is set, until Ctrl-C."""
    from parley.commands.serve_work import run_all
    from parley.runtime import run, started

    run(run_all(started(config, verbose=verbose, log_to_file=False)))
