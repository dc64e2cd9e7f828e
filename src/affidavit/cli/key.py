"""`affidavit key`: list, show and change the signing key."""

import getpass
import json

import click

from affidavit.operations import keys
from affidavit.settings import Settings


@click.group()
def command() -> None:
    """List, show and change the key that signs checkpoints and reports."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(settings: Settings, *, as_json: bool) -> None:
    """List the public keys: the one that signs now, and those that signed before."""
    found = keys.list_keys(settings)
    if as_json:
        shown = {
            "folder": str(found.folder),
            "passphrase": found.protected,
            "keys": [
                {"fingerprint": k.fingerprint, "current": k.current, "publicKey": k.raw.hex()}
                for k in found.keys
            ],
        }
        click.echo(json.dumps(shown, indent=2))
        return
    if not found.keys:
        click.echo(f"No keys in {found.folder} yet: they are made at the first run.")
    for key in found.keys:
        click.echo(f"{key.fingerprint}  {'signs now' if key.current else 'earlier'}")
    if found.keys and not found.protected:
        click.echo("The private key has no passphrase (AFFIDAVIT_KEY_PASSPHRASE); reports say so.")


@command.command()
@click.argument("fingerprint", default="")
@click.option("--tenant", help="As verifier key of this tenant's ledger (C2SP signed-note).")
@click.pass_obj
def show(settings: Settings, fingerprint: str, tenant: str | None) -> None:
    """Print the public key: what an auditor needs for `affidavit verify --key`."""
    key = keys.show(settings, fingerprint)
    click.echo(str(key.verifier(tenant)) if tenant else key.pem().decode(), nl=bool(tenant))


@command.command()
@click.option("--reason", default="scheduled", show_default=True, help="Why; stands in the ledger.")
@click.option("--lost", is_flag=True, help="Key files are gone: make new ones, without the old.")
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def rotate(settings: Settings, *, reason: str, lost: bool, by: str, as_json: bool) -> None:
    """Change to a new signing key, signed by the old one, and log it."""
    done = keys.rotate(settings, by=by or getpass.getuser(), reason=reason, lost=lost)
    if as_json:
        click.echo(json.dumps({"old": done.old, "new": done.new, "tenants": list(done.tenants)}))
        return
    click.echo(f"{done.new} signs from now on.")
    for tenant in done.tenants:
        click.echo(f"The ledger of {tenant} says so.")
    click.echo("Give auditors the new public key: `affidavit key show`.")
