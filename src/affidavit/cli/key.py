"""`affidavit key`: list, show and change the signing key; make access keys for the API."""

import getpass
import json
from typing import get_args

import click

from affidavit.model.times import iso
from affidavit.operations import access_keys, data_keys, keys
from affidavit.operations.caller import Role
from affidavit.settings import Settings
from affidavit.store import open_store


@click.group()
def command() -> None:
    """Change the key that signs checkpoints and reports; make access keys for the API."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(settings: Settings, *, as_json: bool) -> None:
    """List the public keys (the one that signs now, and earlier ones) and the access keys."""
    found = keys.list_keys(settings)
    access = access_keys.listed(settings)
    if as_json:
        shown = {
            "folder": str(found.folder),
            "passphrase": found.protected,
            "keys": [
                {"fingerprint": k.fingerprint, "current": k.current, "publicKey": k.raw.hex()}
                for k in found.keys
            ],
            "accessKeys": [_access_key(key) for key in access],
        }
        click.echo(json.dumps(shown, indent=2))
        return
    if not found.keys:
        click.echo(f"No keys in {found.folder} yet: they are made at the first run.")
    for key in found.keys:
        click.echo(f"{key.fingerprint}  {'signs now' if key.current else 'earlier'}")
    if found.keys and not found.protected:
        click.echo("The private key has no passphrase (AFFIDAVIT_KEY_PASSPHRASE); reports say so.")
    for entry in access:
        state = "disabled" if entry.disabled else "enabled"
        click.echo(f"{entry.access_key_id}  {state}  {entry.role}  {entry.principal_arn}")


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


@command.command("rotate-master")
@click.option("--reason", default="scheduled", show_default=True, help="Why; stands in the ledger.")
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.pass_obj
def rotate_master(settings: Settings, *, reason: str, by: str) -> None:
    """Change the master key; tenants' data keys are wrapped anew, nothing sealed is rewritten.

    Stop other processes of this installation first: they know the old key only.
    """
    done = data_keys.rotate_master(settings, by=by or getpass.getuser(), reason=reason)
    click.echo(f"{done} data keys are wrapped under a new master key. Back the key folder up.")


@command.command()
@click.option("--account", required=True, help="Account whose evidence the key opens.")
@click.option("--principal", required=True, help="ARN of the user or role that signs with it.")
@click.option(
    "--role",
    type=click.Choice(get_args(Role)),
    default="owner",
    show_default=True,
    help="Persona: what the key may do.",
)
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def add(
    settings: Settings, *, account: str, principal: str, role: str, by: str, as_json: bool
) -> None:
    """Make an access key for the API, and show its secret this once."""
    with open_store(settings) as store:
        key = access_keys.add(
            store,
            account_id=account,
            principal_arn=principal,
            role=role,
            by=by or getpass.getuser(),
        )
    if as_json:
        click.echo(json.dumps({**_access_key(key), "secretAccessKey": key.secret}, indent=2))
        return
    click.echo(f"AWS_ACCESS_KEY_ID={key.access_key_id}")
    click.echo(f"AWS_SECRET_ACCESS_KEY={key.secret}")
    click.echo("The secret is not shown again.", err=True)


@command.command()
@click.argument("access_key_id")
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.pass_obj
def disable(settings: Settings, *, access_key_id: str, by: str) -> None:
    """Refuse every later request signed by this access key."""
    with open_store(settings, create=False) as store:
        access_keys.disable(store, access_key_id, by=by or getpass.getuser())
    click.echo(f"{access_key_id} is disabled.")


def _access_key(key: access_keys.AccessKey) -> dict[str, object]:
    return {
        "accessKeyId": key.access_key_id,
        "accountId": key.account_id,
        "principalArn": key.principal_arn,
        "role": key.role,
        "disabled": key.disabled,
        "createdAt": iso(key.created_at),
        "regions": [*key.regions],
    }
