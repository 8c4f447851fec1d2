"""`python -m jaxsci`, the same as the `jaxsci` command."""

import sys


def main() -> int:
    """The `jaxsci` command; returns its exit status."""
    from .run._cli import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
