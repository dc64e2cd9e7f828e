"""`affidavit tenant`: what AWS calls on a tenant's behalf may use."""

import getpass
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from affidavit.errors import UsageError
from affidavit.operations import own_data, tenants
from affidavit.operations.tenant_bindings import Binding, to_body
from affidavit.settings import Settings
from affidavit.store import open_store


@click.group()
def command() -> None:
    """Bind tenants to the accounts, roles, buckets, topics and keys that serve them.

    A TENANT is an account in a Region (111122223333/eu-central-1), or an account for all its
    Regions that have no binding of their own (111122223333).
    """


@command.command()
@click.argument("tenant")
@click.option("--role", "roles", multiple=True, help="ARN of the role that enters its account.")
@click.option("--account", "accounts", multiple=True, help="Account entered by --role-name.")
@click.option("--role-name", default="", help="Name of the role in each --account.")
@click.option("--ambient", is_flag=True, help="Enter TENANT's account as the server itself.")
@click.option("--external-id", default="", help="Of the roles; default: made once, and shown.")
@click.option("--session-tag", "tags", multiple=True, metavar="KEY=VALUE", help="Of these roles.")
@click.option(
    "--evidence-bucket",
    "evidence_buckets",
    multiple=True,
    metavar="NAME[=ACCOUNT]",
    help="Bucket that manual evidence is read from.",
)
@click.option(
    "--report-bucket",
    "report_buckets",
    multiple=True,
    metavar="NAME[=ACCOUNT]",
    help="Bucket that reports and exports are written to.",
)
@click.option(
    "--log-bucket",
    "log_buckets",
    multiple=True,
    metavar="NAME[=ACCOUNT]",
    help="Bucket of another account that logs are read from.",
)
@click.option("--topic", "topics", multiple=True, help="ARN of an SNS topic elsewhere.")
@click.option("--kms-key", "keys", multiple=True, help="ARN of a KMS key elsewhere.")
@click.option("--queue", "queues", multiple=True, help="ARN of an SQS queue of new objects.")
@click.option("--event-bus", default="", help="ARN of the bus that events are put on.")
@click.option("--event-source", default="", help="Source that those events name.")
@click.option("--organization-id", default="", help="Of the account's organization.")
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def bind(settings: Settings, /, tenant: str, *, as_json: bool, by: str, **given: Any) -> None:
    """Bind TENANT to more than before; what was bound stays."""
    account = tenant.partition("/")[0]
    if bool(given["accounts"]) != bool(given["role_name"]):
        raise UsageError("--account and --role-name go together")
    named = [f"arn:aws:iam::{a}:role/{given['role_name'].lstrip('/')}" for a in given["accounts"]]
    grant = tenants.Grant(
        roles=[*given["roles"], *named],
        ambient=given["ambient"],
        session_tags=_pairs("--session-tag", given["tags"]),
        external_id=given["external_id"],
        evidence_buckets=_owned(account, given["evidence_buckets"]),
        report_buckets=_owned(account, given["report_buckets"]),
        log_buckets=_owned(account, given["log_buckets"]),
        topics=given["topics"],
        queues=given["queues"],
        keys=given["keys"],
        event_bus=given["event_bus"],
        event_source=given["event_source"],
        organization_id=given["organization_id"],
    )
    with open_store(settings) as store:
        binding = tenants.bind(settings, store, tenant, grant, by=by or getpass.getuser())
    _print(binding, as_json=as_json)


@command.command()
@click.argument("tenant")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show(settings: Settings, *, tenant: str, as_json: bool) -> None:
    """Show what TENANT is bound to, with the external id that its roles must ask for."""
    with open_store(settings, create=False) as store:
        binding = tenants.show(store, tenant)
    _print(binding, as_json=as_json)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(settings: Settings, *, as_json: bool) -> None:
    """List the tenants that are bound; of any other nothing is collected."""
    found = tenants.listed(settings)
    if as_json:
        click.echo(json.dumps([_shown(one) for one in found], indent=2))
        return
    if not found:
        click.echo("No tenant is bound: nothing is collected for any. See `affidavit tenant bind`.")
    for one in found:
        click.echo(f"{one.name}  {len(one.accounts)} account(s), {len(one.buckets)} bucket(s)")


@command.command()
@click.argument("tenant")
@click.option("--account", "accounts", multiple=True, help="Account, with what belongs to it.")
@click.option("--bucket", "buckets", multiple=True, help="Bucket.")
@click.option("--topic", "topics", multiple=True, help="ARN of an SNS topic.")
@click.option("--kms-key", "keys", multiple=True, help="ARN of a KMS key.")
@click.option("--queue", "queues", multiple=True, help="ARN of an SQS queue.")
@click.option("--event-bus", is_flag=True, help="Put events on no bus.")
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def unbind(settings: Settings, /, tenant: str, *, as_json: bool, by: str, **given: Any) -> None:
    """Take away what is named, or all of it: the next call on TENANT's behalf goes without."""
    revocation = tenants.Revocation(**given)
    with open_store(settings, create=False) as store:
        left = tenants.unbind(store, tenant, revocation, by=by or getpass.getuser())
    if left is not None:
        _print(left, as_json=as_json)
    elif as_json:
        click.echo(json.dumps({"tenant": tenant, "bound": False}))
    else:
        click.echo(f"{tenant} is no longer bound.")


@command.command()
@click.argument("tenant")
@click.option("--number", "numbers", multiple=True, help="Add an own number: +1 800 555 0100.")
@click.option("--domain", "domains", multiple=True, help="Add an own domain: example.org.")
@click.option("--drop", "dropped", multiple=True, help="Take a number or a domain off the list.")
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def own(settings: Settings, /, tenant: str, *, as_json: bool, by: str, **given: Any) -> None:
    """Show or change the numbers and domains of TENANT's own, which no scan takes for disclosures.

    TENANT is an account in a Region (111122223333/eu-central-1). Collections and watches use the
    list; evidence tells which one, and how many hits each entry left out.
    """
    with open_store(settings) as store:
        found = own_data.kept(store, tenant)
        if any(given.values()):
            found = own_data.edit(store, tenant, **given, by=by or getpass.getuser())
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return
    if not found.version:
        click.echo(f"{tenant} has no list of own numbers and domains.")
        return
    click.echo(f"Version {found.version}, by {found.by} at {found.at}")
    for kind, entries in (("number", found.numbers), ("domain", found.domains)):
        for one in entries:
            click.echo(f"  {kind} {one}")


def _owned(account: str, given: Sequence[str]) -> dict[str, str]:
    """Return bucket -> owner; the tenant's own account where none is given."""
    split = (one.partition("=") for one in given)
    return {name: owner if separator else account for name, separator, owner in split}


def _pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for item in given:
        key, separator, value = item.partition("=")
        if not (key and separator):
            raise UsageError(f"{option} {item!r} is not KEY=VALUE", todo="Write KEY=VALUE.")
        pairs[key] = value
    return pairs


def _shown(binding: Binding) -> dict[str, Any]:
    return {"tenant": binding.name, **to_body(binding)}


def _print(binding: Binding, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_shown(binding), indent=2))
        return
    click.echo(f"Tenant {binding.name}")
    for account, role in binding.accounts.items():
        click.echo(f"  account {account}  {role.arn or 'as the server itself (ambient)'}")
    for name, bucket in binding.buckets.items():
        uses = " and ".join(bucket.uses)
        click.echo(f"  bucket {name} of account {bucket.account_id}, for {uses}")
    for arn in (*binding.queues, *binding.topics, *binding.keys):
        click.echo(f"  {arn}")
    if binding.event_bus:
        click.echo(f"  events as {binding.event_source or 'affidavit'} on {binding.event_bus}")
    if binding.organization_id:
        click.echo(f"  organization {binding.organization_id}")
    if any(role.arn for role in binding.accounts.values()):
        click.echo("The trust policy of each role must ask for this external id:")
        click.echo(f"  {binding.external_id}")
