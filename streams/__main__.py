"""`tierstream`, and `python -m streams`: the command line, from the first moment on."""

from __future__ import annotations

import sys

_CTRL_C = 130


def main() -> None:
    """Run the command line; Ctrl-C while it is still being imported ends it without a word."""
    try:
        from streams import cli  # noqa: PLC0415 - it takes a second, in which Ctrl-C may come
    except KeyboardInterrupt:
        sys.exit(_CTRL_C)
    cli.main()


if __name__ == "__main__":
    main()
