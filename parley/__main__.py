"""The script `parley`, and ``python -m parley``.

It needs nothing of parley/__init__.py: where another package overwrote that file, `parley doctor`
still starts and names the package (`parley.doctor.import_names`).
"""

from parley.program import run_program


def main() -> None:
    """Run the command that ``sys.argv`` names and exit the process."""
    run_program()


if __name__ == "__main__":
    main()
