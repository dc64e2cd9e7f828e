"""`affidavit alert`: channels of alerts, and the alerts themselves."""

import getpass
import json
from pathlib import Path
from typing import Any

import click

from affidavit.aws.settings import AwsSettings
from affidavit.catalogue import load
from affidavit.errors import UsageError
from affidavit.operations import alert_channels, alert_routes, alerts, log_watches
from affidavit.operations.alert_channels import Channel
from affidavit.operations.context import Context
from affidavit.settings import Settings
from affidavit.store import Store, open_store


@click.group()
def command() -> None:
    """Alerts on disclosures, canaries and loss of logging; an administrator sets the channels."""


@command.group()
def channel() -> None:
    """Set, list, test and remove the channels of a tenant's alerts."""


@channel.command()
@click.argument("name")
@click.option("--tenant", required=True, help="As 111122223333/eu-central-1.")
@click.option("--sns", default="", help="ARN of the topic.")
@click.option("--webhook", default="", help="https URL; messages are signed by HMAC-SHA-256.")
@click.option("--secret-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="File with the webhook's key, or the mail server's password.")  # fmt: skip
@click.option("--to", "to", multiple=True, help="Receiver of e-mail; several times for several.")
@click.option("--sender", default="", help="From of e-mail.")
@click.option("--smtp", default="", metavar="HOST:PORT", help="Mail server.")
@click.option("--smtp-security", default="starttls", type=click.Choice(["starttls", "tls", "none"]))
@click.option("--smtp-user", default="", help="User at the mail server.")
@click.option("--allow-network", multiple=True, metavar="CIDR",
              help="Private network that this channel may connect to.")  # fmt: skip
@click.option("--ca-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Certificate authorities instead of the usual ones.")  # fmt: skip
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def add(settings: Settings, /, name: str, *, as_json: bool, by: str, **given: Any) -> None:
    """Add the channel NAME: one of --sns, --webhook, or --to with --sender and --smtp."""
    chosen = [k for k in ("sns", "webhook", "to") if given[k]]
    if len(chosen) != 1:
        raise UsageError("A channel is one of --sns, --webhook and --to")
    kind = {"sns": "sns", "webhook": "webhook", "to": "email"}[chosen[0]]
    made = Channel(
        tenant=given["tenant"],
        name=name,
        kind=kind,  # type: ignore[arg-type]  # one of three
        target=" ".join(given["to"]) or given["sns"] or given["webhook"],
        secret=_text(given["secret_file"]),
        server=given["smtp"],
        security=given["smtp_security"],
        user=given["smtp_user"],
        sender=given["sender"],
        allow=given["allow_network"],
        authorities=_text(given["ca_file"]),
    )
    with open_store(settings) as store:
        alert_channels.add(store, made, by=by or getpass.getuser())
    _print([made], as_json=as_json)


@channel.command("list")
@click.option("--tenant", default="", help="Only this tenant's.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show(settings: Settings, /, tenant: str, *, as_json: bool) -> None:
    """List the channels; secrets are never shown."""
    with open_store(settings) as store:
        _print(alert_channels.channels(store, tenant), as_json=as_json)


@channel.command()
@click.argument("name")
@click.option("--tenant", default="", help="Where several tenants have a channel of the name.")
@click.option("--endpoint-url", default="", help="AWS endpoint under test.")
@click.option("--profile", default="", help="AWS profile, for SNS.")
@click.pass_obj
def test(settings: Settings, /, name: str, tenant: str, endpoint_url: str, profile: str) -> None:
    """Send a test through NAME now; it is kept as proof, with a leaf in the ledger."""
    aws = AwsSettings(endpoint_url=endpoint_url, profile=profile)
    with open_store(settings) as store:
        found = alert_channels.find(store, name, tenant)
        said = alerts.send_test(_context(store, settings, aws), found)
    click.echo(f"{name}: {said}")


@channel.command()
@click.argument("name")
@click.option("--tenant", default="", help="Where several tenants have a channel of the name.")
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.pass_obj
def remove(settings: Settings, /, name: str, tenant: str, by: str) -> None:
    """Remove NAME; messages that wait for it are dropped."""
    with open_store(settings) as store:
        found = alert_channels.find(store, name, tenant)
        alert_channels.remove(store, found.tenant, name, by=by or getpass.getuser())
    click.echo(f"{name} was removed.")


@command.group()
def rule() -> None:
    """Choose which kinds of alerts go through which channels; all through all by default."""


@rule.command("set")
@click.argument("kind", type=click.Choice(sorted(alert_routes.KINDS)))
@click.option("--tenant", required=True, help="As 111122223333/eu-central-1.")
@click.option("--channel", "channels", multiple=True,
              help="Several times for several; none: through all again.")  # fmt: skip
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.pass_obj
def rule_set(
    settings: Settings, /, kind: str, tenant: str, channels: tuple[str, ...], by: str
) -> None:
    """Send alerts of KIND through these channels only."""
    with open_store(settings) as store:
        alert_routes.route(store, tenant, kind, channels, by=by or getpass.getuser())
    click.echo(f"{kind}: {', '.join(sorted(channels)) or 'all channels'}")


@rule.command("list")
@click.argument("tenant")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def rule_list(settings: Settings, /, tenant: str, *, as_json: bool) -> None:
    """List each kind of alert with the channels that were chosen for it."""
    with open_store(settings) as store:
        chosen = alert_routes.routes(store, tenant)
    if as_json:
        click.echo(
            json.dumps({kind: chosen.get(kind, []) for kind in alert_routes.KINDS}, indent=2)
        )
        return
    for kind, words in alert_routes.KINDS.items():
        click.echo(f"{kind:11} {', '.join(chosen.get(kind, ())) or 'all channels'}  ({words})")


@command.command("list")
@click.argument("tenant")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def listed(settings: Settings, /, tenant: str, *, as_json: bool) -> None:
    """List the alerts of TENANT, the last one first, with what became of their messages."""
    with open_store(settings) as store:
        found = alerts.every(_context(store, settings, AwsSettings()), tenant)
    if as_json:
        click.echo(json.dumps([one.body for one in found], indent=2))
        return
    if not found:
        click.echo(f"{tenant} has no alert.")
    for one in found:
        body = one.body
        sent = ", ".join(f"{c} {d['state']}" for c, d in sorted(body["deliveries"].items()))
        click.echo(f"{body['state']:8} {body['lastAt']} {body['title']} ({sent or 'not sent'})")


def _context(store: Store, settings: Settings, aws: AwsSettings) -> Context:
    return Context(store=store, catalogue=load(), settings=settings, aws=aws)


def _text(path: Path | None) -> str:
    return path.read_text(encoding="utf-8").strip() if path else ""


def _print(found: list[Channel], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found], indent=2))
        return
    for one in found:
        click.echo(f"{one.tenant}  {one.name}  {one.kind}  {one.target}")


@command.group()
def watch() -> None:
    """Watch invocation logs as they grow, in `affidavit serve`."""


def _watch_options(function: Any) -> Any:
    for option in (
        click.option("--by", default="", help="Who does it; default: your login name."),
        click.option("--region", required=True, help="Region whose log it is."),
        click.option("--account", required=True, help="Account whose log it is."),
        click.option("--tenant", required=True, help="As 111122223333/eu-central-1."),
    ):
        function = option(function)
    return function


@watch.command("add")
@_watch_options
@click.option("--queue", default="", help="ARN of a bound SQS queue that tells of new objects.")
@click.option(
    "--allow-number", "own_numbers", multiple=True, help="Own number besides the tenant's."
)
@click.option(
    "--allow-domain", "own_domains", multiple=True, help="Own domain besides the tenant's."
)
@click.pass_obj
def watch_add(settings: Settings, /, tenant: str, account: str, by: str, **given: Any) -> None:
    """Watch the log that the account's own logging configuration names."""
    with open_store(settings) as store:
        made = log_watches.Watch(tenant=tenant, account_id=account, **given)
        log_watches.add(store, made, by=by or getpass.getuser())
    click.echo(f"{made.name} is watched for {tenant}.")


@watch.command("remove")
@_watch_options
@click.pass_obj
def watch_remove(settings: Settings, /, tenant: str, account: str, region: str, by: str) -> None:
    """Watch it no more, and forget what was counted."""
    with open_store(settings) as store:
        gone = log_watches.Watch(tenant=tenant, account_id=account, region=region)
        log_watches.remove(store, gone, by=by or getpass.getuser())
    click.echo(f"{gone.name} is not watched any more.")


@watch.command("pause")
@_watch_options
@click.pass_obj
def watch_pause(settings: Settings, /, tenant: str, account: str, region: str, by: str) -> None:
    """Read it no more until it is resumed; its place is kept."""
    name = _set_paused(settings, tenant, account, region, paused=True, by=by)
    click.echo(f"{name} is paused.")


@watch.command("resume")
@_watch_options
@click.pass_obj
def watch_resume(settings: Settings, /, tenant: str, account: str, region: str, by: str) -> None:
    """Go on from where it stood: what came meanwhile is read now."""
    name = _set_paused(settings, tenant, account, region, paused=False, by=by)
    click.echo(f"{name} is watched again.")


def _set_paused(
    settings: Settings, tenant: str, account: str, region: str, *, paused: bool, by: str
) -> str:
    named = log_watches.Watch(tenant=tenant, account_id=account, region=region)
    with open_store(settings) as store:
        log_watches.set_paused(store, named, paused=paused, by=by or getpass.getuser())
    return named.name


@watch.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def watch_list(settings: Settings, /, *, as_json: bool) -> None:
    """List what is watched: objects listed, scanned, failed and waiting, records, disclosures."""
    with open_store(settings) as store:
        found = [log_watches.told(store, one, doc) for one, doc in log_watches.watches(store)]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for one in found:
        click.echo(
            f"{one['tenant']}  {one['watch']}  {one['log'] or '(not read yet)'}  "
            f"listed {one['listed']}, scanned {one['scanned']}, failed {one['failed']}, "
            f"waiting {one['waiting']}; records {one.get('records', 0)}, "
            f"disclosures {one.get('disclosures', 0)}, left out as own {one.get('leftOut', 0)}"
            f"{', paused' if one['paused'] else ''}"
        )
