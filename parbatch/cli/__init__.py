"""The command line: what people type, and the one place where errors become exit codes."""

import signal
import sys
from collections.abc import Callable
from typing import Any

import click

from parbatch import __version__
from parbatch.errors import NothingRunError, ParbatchError


class _Group(click.Group):
    """Commands whose errors are one message and an exit code, never a traceback of parbatch's own."""

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            sys.exit(super().main(*args, **{**extra, "standalone_mode": False}))
        except ParbatchError as error:
            click.echo(f"parbatch: {error}", err=True)
            sys.exit(error.exit_code)
        except click.ClickException as error:
            error.show()
            sys.exit(NothingRunError.exit_code)
        except (KeyboardInterrupt, click.Abort) as error:
            interrupt = error.__cause__ if isinstance(error, click.Abort) else error
            signum = interrupt.args[0] if interrupt is not None and interrupt.args else signal.SIGINT
            click.echo("parbatch: interrupted. What had been finished is kept; --resume goes on.", err=True)
            sys.exit(128 + signum)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        """A command by its name, imported only when it is used."""
        return _COMMANDS[name]() if name in _COMMANDS else None

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """The commands, in the order in which a person meets them."""
        return list(_COMMANDS)


def _run() -> click.Command:
    from parbatch.cli.run import run  # noqa: PLC0415 -- `--help` and completion stay quick

    return run


def _render() -> click.Command:
    from parbatch.cli.render import render  # noqa: PLC0415 -- as above

    return render


_COMMANDS: dict[str, Callable[[], click.Command]] = {"run": _run, "render": _render}


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="parbatch %(version)s")
def command() -> None:
    """Render a batch of items on every core: one true status per item, finished work never lost.

    Start with `parbatch run`: without a job it makes a brief for each country of the world.
    """
