"""The command-line program `parley`, above everything else: commands, wiring and diagnosis.

Start with `parley.program` (the table of commands) and `parley.app` (the composition root).
"""


def main() -> None:
    """Run the command that ``sys.argv`` names and exit the process. Entry point of scripts that
    0.1.0 installed; newer ones use `parley.__main__`."""
    from parley.program import run_program

    run_program()
