"""The files of an export: ZIPs for CloudWatch Synthetics and Lambda, requests, commands, README."""

import io
import json
import shlex
import zipfile
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, Final
from urllib.parse import quote

from affidavit.errors import UsageError
from affidavit.prompts.export.cases import Export

MAX_ZIP: Final = 10 * 2**20
"""What CreateCanary takes as `ZipFile`."""
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_HERE: Final = "affidavit.prompts.export"
_FLAGS: Final = {
    "guardrailIdentifier": "guardrail-identifier",
    "guardrailVersion": "guardrail-version",
    "trace": "trace",
}
PYTHON_RUNTIME: Final = "syn-python-selenium-7.0"
NODE_RUNTIME: Final = "syn-nodejs-3.1"
"""Runtimes known when this was written; `aws synthetics describe-runtime-versions` lists all."""


def files(export: Export) -> dict[str, bytes]:
    """Return what is written, by name."""
    content = json.dumps(export.suite, indent=1, ensure_ascii=False).encode()
    python = {
        "canary_checks.py": _read("canary_checks.py"),
        "bedrock_asking.py": _read("bedrock_asking.py.txt"),
        "suite.json": content,
    }
    canary = {**python, "bedrock_prompts.py": _read("bedrock_prompts.py.txt")}
    node = {
        "bedrockPrompts.js": _read("bedrockPrompts.js"),
        "canaryChecks.js": _read("canaryChecks.js"),
        "suite.json": content,
    }
    made = {
        "canary-python.zip": _zip({f"python/{name}": data for name, data in canary.items()}),
        "canary-node.zip": _zip({f"nodejs/node_modules/{n}": data for n, data in node.items()}),
        "lambda.zip": _zip({**python, "lambda_function.py": _read("lambda_function.py.txt")}),
        "requests.http": "\n".join(_requests(export)).encode(),
        "commands.sh": "\n".join(_commands(export)).encode(),
        "README.txt": _readme(export).encode(),
    }
    for name, data in made.items():
        if name.endswith(".zip") and len(data) > MAX_ZIP:
            raise UsageError(
                f"{name} has {len(data)} bytes; CloudWatch Synthetics takes {MAX_ZIP}",
                todo="Split the suite.",
            )
    return made


def _read(name: str) -> bytes:
    return (resources.files(_HERE) / name).read_bytes()


def _zip(members: Mapping[str, bytes]) -> bytes:
    """Return a ZIP of the same bytes each time, its files readable by the runtime's user."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(members.items()):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return made.getvalue()


def _calls(export: Export) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield (case, operation, body): InvokeModel where bodies have a known form, and Converse."""
    converses = export.suite["api"] == "Converse"
    for case, invoke, converse in export.prompts:
        if invoke:
            yield case, "InvokeModel", invoke
        if converses:
            yield case, "Converse", converse


def _requests(export: Export) -> Iterator[str]:
    """Yield the lines of a file that Postman and the HTTP clients of editors read."""
    region = export.suite["region"] or "us-east-1"
    model = quote(export.suite["modelId"], safe="")
    yield "# Sign each with AWS Signature Version 4: service bedrock, your Region and credentials."
    for case, operation, body in _calls(export):
        path = "invoke" if operation == "InvokeModel" else "converse"
        yield f"\n### {case} {operation}"
        yield f"POST https://bedrock-runtime.{region}.amazonaws.com/model/{model}/{path}"
        yield "Content-Type: application/json"
        yield "Accept: application/json"
        if operation == "InvokeModel":
            yield from (f"{name}: {value}" for name, value in export.suite["httpHeaders"].items())
        yield f"\n{json.dumps(body, ensure_ascii=False)}"


def _commands(export: Export) -> Iterator[str]:
    """Yield the lines of a script of AWS CLI commands, one for each prompt."""
    yield "#!/bin/sh\n# Each answer goes to a file: what it holds may be personal data."
    model = export.suite["modelId"]
    region = ["--region", export.suite["region"]] if export.suite["region"] else []
    for case, operation, body in _calls(export):
        words = ["aws", "bedrock-runtime"]
        if operation == "InvokeModel":
            # As a file's content both versions of the AWS CLI take a body as it is.
            words += ["invoke-model", "--model-id", model, *region, "--body", "fileb:///dev/stdin"]
            for name, value in export.suite["guardrailHeaders"].items():
                words += [f"--{_FLAGS[name]}", value]
            command = shlex.join([*words, f"answer-{case}.invoke.json"])
            yield f"printf %s {shlex.quote(json.dumps(body))} | {command}"
        else:
            document = json.dumps(body)
            words += ["converse", "--model-id", model, *region, "--cli-input-json", document]
            yield f"{shlex.join(words)} > {shlex.quote(f'answer-{case}.converse.json')}"


def _readme(export: Export) -> str:
    suite = export.suite
    out = "".join(f"\n  {case}: {why}" for case, why in export.left_out.items()) or " none"
    return f"""Prompts of the suite {suite["id"]} against {suite["modelId"]}, run without Affidavit.
Digest of the suite: {suite["digest"]}. Cases: {len(suite["cases"])}.

canary-python.zip  CloudWatch Synthetics, {PYTHON_RUNTIME} or newer; handler bedrock_prompts.handler
canary-node.zip    CloudWatch Synthetics, {NODE_RUNTIME} or newer; handler bedrockPrompts.handler
lambda.zip         AWS Lambda, Python 3.11 or newer; handler lambda_function.lambda_handler
requests.http      the HTTP request of each prompt, for Postman and others
commands.sh        the AWS CLI command of each prompt

  aws synthetics create-canary --name bedrock-prompts \\
    --code Handler=bedrock_prompts.handler,ZipFile@=fileb://canary-python.zip \\
    --runtime-version {PYTHON_RUNTIME} --artifact-s3-location s3://BUCKET/canary \\
    --execution-role-arn ROLE --schedule Expression="rate(1 hour)" \\
    --run-config TimeoutInSeconds=840

`aws synthetics describe-runtime-versions` lists newer runtimes of the same kinds.

The role needs bedrock:InvokeModel on the model (and bedrock:ApplyGuardrail on a guardrail), beside
what every canary needs. Timeout: about two seconds a case. The canary fails when a case does not
pass: SuccessPercent of the namespace CloudWatchSynthetics, dimension CanaryName, tells. What fails
is named in the log with its reason; answers are not logged.

Cases left out, because they need Affidavit's detectors:{out}
"""
