"""The command-line program `parley`, above everything else: commands, wiring and diagnosis.

Start with `parley.program` (the table of commands) and `parley.app` (the composition root).
"""


def main() -> None:
    """Run the command that ``sys.argv`` names and exit the process. Entry point of the script
    `parley` and of ``python -m parley``."""
    from parley.program import run_program

    run_program()
