"""`affidavit serve`: Audit Manager's API, and the work behind it."""

from pathlib import Path
from typing import Any

import click

from affidavit.aws.settings import AwsSettings
from affidavit.operations import tenants
from affidavit.server import ServeOptions, check_options, serve
from affidavit.settings import Settings

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on.")
@click.option("--tls-cert", type=FILE, help="Certificate chain (PEM).")
@click.option("--tls-key", type=FILE, help="Its private key (PEM).")
@click.option("--behind-tls-proxy", is_flag=True, help="A proxy in front speaks TLS.")
@click.option("--allow-host", "hosts", multiple=True, help="Host name to answer to; repeat.")
@click.option(
    "--endpoint-url", default="", help="Where clients reach the server, for presigned URLs."
)
@click.option("--insecure-no-auth", is_flag=True, help="Take unsigned requests; on loopback only.")
@click.option(
    "--profile", default="", help="Profile of your AWS configuration; assumes the tenants' roles."
)
@click.option("--aws-endpoint-url", default="", help="Another endpoint for all of AWS (emulators).")
@click.pass_obj
def command(settings: Settings, /, **given: Any) -> None:
    """Serve the console, and Audit Manager's API for every SDK and the AWS CLI.

    The console is at /console; for the API give clients --endpoint-url. Collects each
    active assessment daily, by the roles of `affidavit tenant bind`, and builds reports. Requests
    are signed with keys of `affidavit key add`. Stops with Ctrl-C.
    """
    options = ServeOptions(
        host=given["host"],
        port=given["port"],
        tls_cert=given["tls_cert"],
        tls_key=given["tls_key"],
        behind_tls_proxy=given["behind_tls_proxy"],
        allow_hosts=given["hosts"],
        insecure_no_auth=given["insecure_no_auth"],
        endpoint_url=given["endpoint_url"],
        aws=AwsSettings(
            profile=given["profile"],
            endpoint_url=given["aws_endpoint_url"],
            call_timeout=settings.call_timeout,
            requests_per_second=settings.requests_per_second,
            lookups_per_second=settings.lookups_per_second,
            concurrency=settings.concurrency,
        ),
    )
    check_options(options)
    if not tenants.listed(settings):
        click.echo("No tenant is bound: nothing is collected (affidavit tenant bind).", err=True)
    click.echo(f"Audit Manager's API at {options.url} (Ctrl-C stops)", err=True)
    serve(settings, options)
