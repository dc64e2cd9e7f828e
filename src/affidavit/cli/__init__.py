"""The command line: one module per command, no logic."""

import click

from affidavit import __version__


@click.group()
@click.version_option(__version__, prog_name="affidavit")
def main() -> None:
    """Collect audit evidence from AWS accounts; report it so that anybody can verify it offline."""
