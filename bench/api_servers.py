"""The servers of bench/api.py: `python -m bench.api_servers ours|bare|moto|real PORT [HOME]`."""

import sys
from datetime import UTC, datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from affidavit.api.app import create_app
from affidavit.api.bounded_http import BoundedHttp
from affidavit.api.sigv4 import Credential
from bench import api_real

ITEMS = 100
UUID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
KEY = Credential(
    access_key_id="AKIDBENCH",
    secret="made up for the benchmark",  # noqa: S106 - not a secret
    account_id="111122223333",
    principal_arn="arn:aws:iam::111122223333:user/bench",
    role="owner",
)
WHEN = datetime(2026, 11, 23, 8, 46, 0, 123000, tzinfo=UTC)


def evidence(time: object) -> dict[str, Any]:
    """Return a page of a hundred evidence items, of about 1 KB each."""
    item = {
        "dataSource": "AWS API calls",
        "evidenceAwsAccountId": "111122223333",
        "time": time,
        "eventSource": "bedrock.amazonaws.com",
        "eventName": "GetModelInvocationLoggingConfiguration",
        "evidenceByType": "Configuration data",
        "resourcesIncluded": [
            {
                "arn": f"arn:aws:bedrock:us-east-1:111122223333:custom-model/{UUID}",
                "value": "x" * 300,
            }
        ],
        "attributes": {f"attribute{n}": "some value" * 2 for n in range(8)},
        "iamId": "arn:aws:iam::111122223333:role/collector",
        "complianceCheck": "Compliant",
        "awsOrganization": "o-0123456789",
        "awsAccountId": "111122223333",
        "evidenceFolderId": UUID,
        "id": UUID,
        "assessmentReportSelection": "Yes",
    }
    return {"evidence": [item] * ITEMS, "nextToken": "abc"}


def assessment(time: object) -> dict[str, Any]:
    """Return an assessment of ten controls, of about 3 KB."""
    controls = [
        {"id": UUID, "name": f"Control {n}", "status": "UNDER_REVIEW", "evidenceCount": 0}
        for n in range(10)
    ]
    return {
        "assessment": {
            "arn": f"arn:aws:auditmanager:us-east-1:111122223333:assessment/{UUID}",
            "awsAccount": {"id": "111122223333"},
            "metadata": {
                "name": "bench",
                "id": UUID,
                "status": "ACTIVE",
                "creationTime": time,
                "lastUpdated": time,
            },
            "framework": {
                "id": UUID,
                "controlSets": [{"id": "Set 1", "status": "ACTIVE", "controls": controls}],
            },
            "tags": {"team": "bench"},
        }
    }


def ours() -> Any:
    """Return our API with operations that do nothing: signatures, validation, serialisation."""
    evidences, created = evidence(WHEN), assessment(WHEN)
    handlers = {
        "GetAccountStatus": lambda *_: {"status": "ACTIVE"},
        "GetEvidenceByEvidenceFolder": lambda *_: evidences,
        "CreateAssessment": lambda *_: created,
    }
    return create_app(handlers, {KEY.access_key_id: KEY}.get)


def bare() -> Any:
    """Return Starlette handlers that send the same JSON and know nothing else."""
    evidences, created = evidence(WHEN.timestamp()), assessment(WHEN.timestamp())

    async def status(_: Request) -> JSONResponse:
        """Answer as GetAccountStatus does."""
        return JSONResponse({"status": "ACTIVE"})

    async def page(_: Request) -> JSONResponse:
        """Answer a page of a hundred."""
        return JSONResponse(evidences)

    async def create(request: Request) -> JSONResponse:
        """Answer as CreateAssessment does."""
        await request.json()
        return JSONResponse(created)

    return Starlette(
        routes=[
            Route("/account/status", status),
            Route("/assessments/{a}/controlSets/{c}/evidenceFolders/{f}/evidence", page),
            Route("/assessments", create, methods=["POST"]),
        ]
    )


def main(name: str, port: int, home: str = "") -> None:
    """Serve one of them on loopback until killed; `home` is the real installation's folder."""
    if name == "real":
        api_real.serve(home, port)
        return
    if name == "moto":
        from moto.server import main as moto_main

        moto_main(["-H", "127.0.0.1", "-p", str(port)])
        return
    app, http = (ours(), BoundedHttp) if name == "ours" else (bare(), "httptools")
    uvicorn.run(app, port=port, http=http, log_config=None, access_log=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
