"""`parbatch` and `python -m parbatch`: the way in."""

import sys


def main() -> None:
    """Run the command line. `--version` answers before anything heavier than this package is imported."""
    if sys.argv[1:] == ["--version"]:
        from parbatch import __version__  # noqa: PLC0415 -- as light as it can be

        print(f"parbatch {__version__}")
        return
    from parbatch.cli import command  # noqa: PLC0415 -- click costs three times the bare interpreter

    command(prog_name="parbatch")


if __name__ == "__main__":
    main()
