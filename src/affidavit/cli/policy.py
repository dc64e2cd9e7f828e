"""`affidavit policy`: the IAM policy that a collection needs."""

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
@click.option("--prompts", is_flag=True, help="Allow sending prompts to models too.")
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
) -> None:
    """Print the least IAM policy for collecting: reads, and nothing else.

    The exception is iam:GenerateCredentialReport, which makes IAM write the report that is read.
    """
    catalogue = get_framework(framework)
    if not cloudformation:
        document = policies.policy(
            catalogue, role_name=role_name, partition=partition, prompts=prompts
        )
        click.echo(policies.as_json(document), nl=False)
        return
    template = policies.role_template(catalogue, role_name=role_name, prompts=prompts)
    text = policies.as_json(template) if as_json else policies.as_yaml(template)
    click.echo(text, nl=False)
