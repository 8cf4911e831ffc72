"""The program `parley`: its commands, and how it ends."""


def main() -> None:
    """Run the command that the command line names. Ends the process."""
    from parley.program import run_program

    run_program()
