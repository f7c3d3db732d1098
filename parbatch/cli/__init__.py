"""The command line: the commands by name, and the one place where errors become messages and exit codes.

Called by `__main__`. Each command is a module here, imported when it is typed; none touches SQL or a backend.
"""

import signal
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import click

from parbatch import __version__
from parbatch.errors import NobodyReadsError, NothingRunError, ParbatchError
from parbatch.model import terminal
from parbatch.model.text import printable

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


_GO_ON = "To go on with a run: parbatch run JOB --resume"
# What people type for something that is no command of its own.
_MEANT = {
    "resume": _GO_ON,
    "continue": _GO_ON,
    "restart": "To start over: parbatch run JOB --fresh",
    "fresh": "To start over: parbatch run JOB --fresh",
    "help": "See parbatch --help, and parbatch COMMAND --help",
    "version": "See parbatch --version",
}


# Where a command keeps the output folder that it looks at, among what click carries along.
FOLDER = "parbatch.storage.folder"


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
            _with_its_choices(error, (args[0] if args else extra.get("args")) or sys.argv[1:]).show()
            sys.exit(NothingRunError.exit_code)
        except (KeyboardInterrupt, click.Abort) as error:
            interrupt = error.__cause__ if isinstance(error, click.Abort) else error
            signum = interrupt.args[0] if interrupt is not None and interrupt.args else signal.SIGINT
            terminal.show(f"parbatch: interrupted. What had been finished is kept.{_how_to_go_on()}", sys.stderr)
            sys.exit(128 + signum)
        except Exception as error:
            if (words := _in_words(error)) is None:
                raise
            terminal.show(f"parbatch: {printable(words)}", sys.stderr)
            sys.exit(NothingRunError.exit_code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was typed. What a damaged checkpoint makes it stumble over is told as that."""
        try:
            return super().invoke(ctx)
        except (ParbatchError, click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            folder = ctx.meta.get(FOLDER)
            if folder is None:
                raise
            from parbatch.storage.damage import explained  # noqa: PLC0415 -- seldom needed
            from parbatch.storage.layout import checkpoints_in  # noqa: PLC0415

            if (damage := explained(error, *checkpoints_in(folder))) is None:
                raise
            raise damage from error

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        """Return a command by its name; None where there is none of that name."""
        return _command(name) if name in _COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that was typed; for what is none, the error says which is close, or how a job is run."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(f"{error.message}{_instead_of(args[0])}", error.ctx) from None

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Return the commands, in the order in which a person meets them."""
        return list(_COMMANDS)


def _in_words(error: Exception) -> str | None:
    """Return what is said of an error that is not parbatch's own; None for one that says nothing to a person."""
    from parbatch.model.job_files import advice_on_hiding_files  # noqa: PLC0415 -- seldom needed
    from parbatch.storage.system_errors import in_words  # noqa: PLC0415

    if (why := in_words(error)) is not None:
        return f"{why}. Mend that, and try again."
    if isinstance(error, ImportError) and (advice := advice_on_hiding_files()):
        return f"A module that parbatch needs can't be imported ({type(error).__name__}: {error}). {advice}"
    return None


def _instead_of(typed: str) -> str:
    """Return what to type in place of something that is no command."""
    if typed.endswith((".py", ".toml")) or ":" in typed:
        return f" To run a job: parbatch run {typed}"
    if typed in _MEANT:
        return f" {_MEANT[typed]}"
    from difflib import get_close_matches  # noqa: PLC0415 -- for a name that was mistyped

    close = get_close_matches(typed, _COMMANDS, 1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _with_its_choices(error: click.ClickException, typed: Iterable[str]) -> click.ClickException:
    """Return the error; one about an option that came without a value says which there are."""
    name = next((word for word in typed if word in _COMMANDS), None)
    if name is None or not isinstance(error, click.BadOptionUsage):
        return error
    for parameter in _command(name).params:
        if error.option_name in parameter.opts and isinstance(parameter.type, click.Choice):
            choices = ", ".join(map(str, parameter.type.choices))
            return click.UsageError(f"{error.message} Choose from: {choices}.")
    return error


def _command(name: str) -> click.Command:
    """Return a command by its name, imported only when it is used."""
    command: click.Command = getattr(import_module(f"parbatch.cli.{_COMMANDS[name]}"), _COMMANDS[name])
    return command


def _readable(error: ParbatchError) -> str:
    """Return an error's message for a terminal: it may name ids and values that somebody else chose."""
    return "\n".join(map(printable, str(error).splitlines()))


def _how_to_go_on() -> str:
    """Return the command that goes on with one that was broken off, in a sentence; nothing where none is needed."""
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
