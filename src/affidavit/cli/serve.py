"""`affidavit serve`: Audit Manager's API."""

from pathlib import Path

import click

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
@click.option("--insecure-no-auth", is_flag=True, help="Take unsigned requests; on loopback only.")
@click.pass_obj
def command(  # noqa: PLR0917 - one parameter for each option
    settings: Settings,
    host: str,
    port: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    behind_tls_proxy: bool,
    hosts: tuple[str, ...],
    insecure_no_auth: bool,
) -> None:
    """Serve Audit Manager's API, for the AWS CLI and every SDK with --endpoint-url.

    Requests are signed with keys of `affidavit key add`. Stops with Ctrl-C.
    """
    options = ServeOptions(
        host=host,
        port=port,
        tls_cert=tls_cert,
        tls_key=tls_key,
        behind_tls_proxy=behind_tls_proxy,
        allow_hosts=hosts,
        insecure_no_auth=insecure_no_auth,
    )
    check_options(options)
    scheme = "https" if tls_cert else "http"
    click.echo(f"Audit Manager's API at {scheme}://{host}:{port} (Ctrl-C stops)", err=True)
    serve(settings, options)
