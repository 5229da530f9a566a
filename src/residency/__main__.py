"""``python -m residency`` and the command ``residency`` begin here, so that Ctrl-C is quiet while parts are loaded."""

import sys


def main() -> int:
    """Return the exit code of one command; 130 where it was interrupted before it began."""
    try:
        from residency import cli
    except KeyboardInterrupt:
        print("residency: stopped", file=sys.stderr)
        return 130
    return cli.main()


if __name__ == "__main__":  # worker processes import this file again
    raise SystemExit(main())
