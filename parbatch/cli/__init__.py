"""The command line: what people type, and the one place where errors become exit codes."""

import signal
import sys
from importlib import import_module
from typing import Any

import click

from parbatch import __version__, terminal
from parbatch.errors import NobodyReadsError, NothingRunError, ParbatchError

# What people type, and the module of this package that has the command, under the module's own name.
_COMMANDS = {
    "run": "run",
    "retry": "retry",
    "render": "render",
    "plan": "plan",
    "status": "status",
    "list": "list_items",
    "show": "show",
    "overview": "overview",
    "report": "report",
    "prune": "prune",
}


class _Group(click.Group):
    """Commands whose errors are one message and an exit code, never a traceback of parbatch's own."""

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            sys.exit(super().main(*args, **{**extra, "standalone_mode": False}))
        except NobodyReadsError as error:
            sys.exit(error.exit_code)
        except ParbatchError as error:
            terminal.show(f"parbatch: {_readable(error)}", sys.stderr)
            sys.exit(error.exit_code)
        except click.ClickException as error:
            error.show()
            sys.exit(NothingRunError.exit_code)
        except (KeyboardInterrupt, click.Abort) as error:
            interrupt = error.__cause__ if isinstance(error, click.Abort) else error
            signum = interrupt.args[0] if interrupt is not None and interrupt.args else signal.SIGINT
            terminal.show(f"parbatch: interrupted. What had been finished is kept.{_how_to_go_on()}", sys.stderr)
            sys.exit(128 + signum)
        except Exception as error:
            from parbatch.system_errors import in_words  # noqa: PLC0415 -- seldom needed

            if (why := in_words(error)) is None:
                raise
            terminal.show(f"parbatch: {terminal.printable(why)}. Mend that, and try again.", sys.stderr)
            sys.exit(NothingRunError.exit_code)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        """A command by its name, imported only when it is used."""
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"parbatch.cli.{_COMMANDS[name]}"), _COMMANDS[name])
        return command

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """The commands, in the order in which a person meets them."""
        return list(_COMMANDS)


def _readable(error: ParbatchError) -> str:
    """An error's message for a terminal: it may name ids and values that somebody else chose."""
    return "\n".join(map(terminal.printable, str(error).splitlines()))


def _how_to_go_on() -> str:
    """The command that goes on with one that was broken off, in a sentence; nothing where none is needed."""
    from parbatch.cli.go_on import go_on_command  # noqa: PLC0415 -- as above

    typed = sys.argv[1:]
    return f" To go on: {go_on_command(typed)}" if typed[:1] in (["run"], ["retry"]) else ""


_EPILOG = """\b
Tab completes commands, options, job files and items once this is in the shell's start-up file:
  bash  eval "$(_PARBATCH_COMPLETE=bash_source parbatch)"
  zsh   eval "$(_PARBATCH_COMPLETE=zsh_source parbatch)"
  fish  _PARBATCH_COMPLETE=fish_source parbatch | source
"""


@click.group(cls=_Group, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="parbatch %(version)s")
def command() -> None:
    """Render a batch of items on every core: one true status per item, finished work never lost.

    Start with `parbatch run`: without a job it makes a brief for each country of the world.
    """
