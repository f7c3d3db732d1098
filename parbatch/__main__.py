"""`parbatch` and `python -m parbatch`: the way in."""

import sys

from parbatch.terminal import make_standard_streams_lenient, occupy_standard_descriptors, show


def main() -> None:
    """Run the command line. `--version` answers before anything heavier than this package is imported."""
    occupy_standard_descriptors()
    make_standard_streams_lenient()
    if sys.argv[1:] == ["--version"]:
        from parbatch import __version__  # noqa: PLC0415 -- as light as it can be

        show(f"parbatch {__version__}", sys.stdout)
        return
    from parbatch.cli import command  # noqa: PLC0415 -- click costs three times the bare interpreter

    command(prog_name="parbatch")


if __name__ == "__main__":
    main()
