"""`python -m parley` is the command `parley`."""

from parley import main

main()
