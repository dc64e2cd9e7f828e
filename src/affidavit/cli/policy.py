"""`affidavit policy`: the IAM policy that a collection needs."""

from typing import Any

import click

from affidavit.operations import policies
from affidavit.operations.frameworks import get_framework


@click.command()
@click.option("--framework", default="genai-v1", show_default=True, help="Collected for which.")
@click.option(
    "--role-name",
    default=policies.ROLE_NAME,
    show_default=True,
    help="Name of the role in member accounts.",
)
@click.option("--partition", default=policies.PARTITION, show_default=True, help="Of the ARNs.")
@click.option("--prompts", is_flag=True, help="Allow asking models and guardrails too.")
@click.option("--queue", "queues", multiple=True, help="ARN of a queue that a watch reads.")
@click.option("--topic", "topics", multiple=True, help="ARN of a topic that alerts go to.")
@click.option("--kms-key", "keys", multiple=True, help="ARN of a key that reports are under.")
@click.option("--event-bus", "event_buses", multiple=True, help="ARN of a bus for events.")
@click.option("--evidence-bucket", "evidence_buckets", multiple=True, help="Of manual evidence.")
@click.option("--report-bucket", "report_buckets", multiple=True, help="For reports.")
@click.option("--metrics", is_flag=True, help="Allow canaries to put metrics.")
@click.option(
    "--audit-manager",
    is_flag=True,
    help="Allow what `framework import` and `manual add` ask of AWS Audit Manager.",
)
@click.option(
    "--cloudformation",
    is_flag=True,
    help="Print the template of the role for member accounts (YAML; JSON with --json).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON (the policy always is).")
def command(
    framework: str,
    role_name: str,
    partition: str,
    *,
    prompts: bool,
    cloudformation: bool,
    as_json: bool,
    **bound: Any,
) -> None:
    """Print the least IAM policy for collecting: reads, and nothing else.

    The exception is iam:GenerateCredentialReport, which makes IAM write the report that is read.
    What a tenant is bound to (affidavit tenant bind) is granted where it is named here.
    """
    granted = policies.Bound(**bound)
    catalogue = get_framework(framework)
    if not cloudformation:
        document = policies.policy(
            catalogue, role_name=role_name, partition=partition, prompts=prompts, bound=granted
        )
        click.echo(policies.as_json(document), nl=False)
        return
    template = policies.role_template(
        catalogue, role_name=role_name, prompts=prompts, bound=granted
    )
    text = policies.as_json(template) if as_json else policies.as_yaml(template)
    click.echo(text, nl=False)
