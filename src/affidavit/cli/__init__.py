"""The command line: one module per command, no logic."""

import importlib
import sys
from pathlib import Path
from typing import Any

import click

from affidavit import __version__
from affidavit.cli.terminal import printable
from affidavit.errors import AffidavitError
from affidavit.settings import load

COMMANDS = (
    *("alert", "canary", "control", "doctor", "find", "framework", "hold", "key", "lake"),
    *("ledger", "manual", "period", "policy", "prompts", "report", "run", "scan", "serve"),
    *("tenant", "user", "verify"),
)
"""Each is a module of this package with a click object `command`."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""


class LazyGroup(click.Group):
    """Imports a command's module only when it is used, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command by name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"affidavit.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; Ctrl-C is no finding, whose exit code is that of click's own."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and turn our errors into words and exit codes."""
        try:
            return super().main(*args, **kwargs)
        except AffidavitError as error:
            for line in error.diagnostics().split("\n"):
                click.echo(printable(line), err=True)
            sys.exit(error.exit_code)


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="affidavit")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the state (AFFIDAVIT_HOME; default ./affidavit-data).",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TOML file of settings (AFFIDAVIT_CONFIG).",
)
@click.pass_context
def main(ctx: click.Context, home: Path | None, config: Path | None) -> None:
    """Collect audit evidence from AWS accounts; report it so that anybody can verify it offline."""
    ctx.obj = load(toml=config, home=home)
