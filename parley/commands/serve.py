"""`parley run`: answers on Discord and Slack."""

from parley import options


def serve(config: options.Config = None, verbose: options.Verbose = False) -> None:
    """Answer on every platform (Discord, Slack) that has a token, until Ctrl-C."""
    from parley.commands.serve_work import serve_platforms
    from parley.runtime import configure, run

    run(serve_platforms(configure(config, verbose=verbose, log_to_file=False)))
