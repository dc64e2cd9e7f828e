"""The JavaScript SDKs v3 and v2 over all 62 operations; v3's paginators, errors and clock."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from affidavit.api.sigv4 import Credential
from affidavit.operations.faults import (
    AccessDeniedFault,
    NotFoundFault,
    QuotaFault,
    ThrottlingFault,
    ValidationFault,
)

JS = Path(__file__).parent / "js"
WANTED = os.environ.get("CI") == "true" or os.environ.get("AFFIDAVIT_CLI") == "1"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not WANTED, reason="NOT RUN: set AFFIDAVIT_CLI=1 (fetches the SDK by npm)"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the script and the locked SDK installed."""
    folder = tmp_path_factory.mktemp("js") / "project"
    shutil.copytree(JS, folder)
    subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=6000,
    )
    return folder


Run = Callable[..., list[Mapping[str, Any]]]


@pytest.fixture
def run(project: Path, served: Any, key: Credential) -> Iterator[Run]:
    """Return the way to run the script against the server."""

    def call(script: str = "contract.mjs", **work: Any) -> list[Mapping[str, Any]]:
        given = {
            "endpoint": served.url,
            "region": "eu-central-1",
            "credentials": {"accessKeyId": key.access_key_id, "secretAccessKey": key.secret},
            "calls": [],
            "paginators": [],
            "errors": [],
            "skews": [],
        }
        done = subprocess.run(
            ["node", script],
            cwd=project,
            input=json.dumps(given | work),
            env={"PATH": os.environ["PATH"], "HOME": str(project)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    served.recorder.received.clear()
    yield call
    served.recorder.answers.clear()


def as_javascript(value: Any) -> Any:
    """Return an answer as JavaScript prints it: dates in its own ISO form."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, dict):
        return {name: as_javascript(item) for name, item in value.items()}
    return [as_javascript(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("script", ["contract.mjs", "contract_v2.cjs"], ids=["v3", "v2"])
@pytest.mark.parametrize("full", [True, False], ids=["all-members", "required-only"])
def test_all_operations(
    script: str, full: bool, run: Run, served: Any, sample: Callable[..., Any], protocol: Any
) -> None:
    """What the SDK is given arrives, and what the operation answers is what the SDK returns."""
    calls = []
    for name in protocol.operations:
        model = protocol.model.operation_model(name)
        calls.append((name, sample(model.input_shape, full=full)))
        served.recorder.answers[name] = sample(model.output_shape, full=full)
    results = run(script, calls=calls)
    assert [(n, m) for n, _, m in served.recorder.received] == calls
    expected = {name: as_javascript(answer) for name, answer in served.recorder.answers.items()}
    assert {one["operation"]: one["value"] for one in results} == expected


def test_its_paginators(run: Run, served: Any, sample: Callable[..., Any], protocol: Any) -> None:
    """Each of the SDK's paginators asks on with our token and stops where there is none."""
    paged = []
    for name in protocol.operations:
        model = protocol.model.operation_model(name)
        if "nextToken" not in model.input_shape.members:
            continue
        request = sample(model.input_shape, full=False)
        answer = sample(model.output_shape, full=False)
        paged.append((name, request))

        def pages(members: dict[str, Any], answer: Any = answer) -> Any:
            token = members.get("nextToken")
            following = {None: "one+/=", "one+/=": "two"}.get(token)
            return answer | ({"nextToken": following} if following else {})

        served.recorder.answers[name] = pages
    assert len(paged) == 16
    results = run(paginators=paged)
    assert [one["operation"] for one in results] == [name for name, _ in paged]
    for one in results:
        tokens = [page.get("nextToken") for page in one["value"]]
        assert tokens == ["one+/=", "two", None], one["operation"]


def test_typed_errors(run: Run, served: Any) -> None:
    """Modelled errors are instances of the SDK's classes, with their members and request id."""
    faults = {
        "GetInsights": ValidationFault("No.", fields=[("name", "Member must be new")]),
        "ListNotifications": NotFoundFault("x", "ASSESSMENT"),
        "GetServicesInScope": AccessDeniedFault("Not you."),
        "ListAssessments": QuotaFault("Full."),
        "GetDelegations": ThrottlingFault(),
        "GetAccountStatus": ZeroDivisionError(),
    }
    served.recorder.answers.update(faults)
    errors = {one["operation"]: one["value"] for one in run(errors=list(faults))}
    assert {operation: (e["name"], e.get("status")) for operation, e in errors.items()} == {
        "GetInsights": ("ValidationException", 400),
        "ListNotifications": ("ResourceNotFoundException", 404),
        "GetServicesInScope": ("AccessDeniedException", 403),
        "ListAssessments": ("ServiceQuotaExceededException", 402),
        "GetDelegations": ("ThrottlingException", 429),
        "GetAccountStatus": ("InternalServerException", 500),
    }
    assert all(error["typed"] and error["requestId"] for error in errors.values())
    assert errors["GetInsights"]["members"] == {
        "reason": "other",
        "fields": [{"name": "name", "message": "Member must be new"}],
    }
    assert errors["ListNotifications"]["members"] == {
        "resourceId": "x",
        "resourceType": "ASSESSMENT",
    }


def test_it_corrects_its_clock(run: Run, served: Any) -> None:
    """A client whose clock is off reads our Date header and succeeds at the second attempt."""
    served.recorder.answers["GetAccountStatus"] = {"status": "ACTIVE"}
    assert [one["value"] for one in run(skews=[-20, 20])] == [2, 2]
