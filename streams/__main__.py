"""`python -m streams` is the command `tierstream`."""

from streams.cli import main

main()
