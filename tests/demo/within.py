"""A door that asks the simulated estate in this process, for tests."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import botocore.session

from affidavit.aws.shapes import plain
from affidavit.demo.overlay.answers import ANSWERERS
from affidavit.demo.overlay.registry import AwsError, Call, ask
from affidavit.demo.world import Caller, World
from affidavit.model.catalogue import Operation
from affidavit.model.observation import (
    GLOBAL_REGION,
    Gap,
    GapReason,
    Observation,
    Proof,
    Result,
    Unit,
)


class WithinDoor:
    """A door that asks the world in this process: the answers of the emulator without HTTP."""

    concurrency = 2

    def __init__(self, world: World) -> None:
        self._world = world
        self._session = botocore.session.get_session()

    def leave(self, account_id: str) -> None:
        """Nothing is kept open."""

    def call(self, operation: Operation, unit: Unit) -> Result:
        """Answer one question with all pages merged."""
        given: dict[str, Any] = {
            "unit": unit,
            "service": operation.service,
            "operation": operation.operation,
        }
        answerer = ANSWERERS.get((operation.service, operation.operation))
        if answerer is None:
            reason = GapReason.NOT_CONFIGURED
            return Gap(**given, reason=reason, code="", message="Not answered.", proof=None)
        absent, body = "", {}
        try:
            body = plain(self._pages(operation, unit))
        except AwsError as error:
            if error.code not in operation.absent_on:
                raise
            absent, body = error.code, {"Error": {"Code": error.code, "Message": error.message}}
        return Observation(**given, absent=absent, body=body, proof=self._proof())

    def _pages(self, operation: Operation, unit: Unit) -> dict[str, Any]:
        service, name = operation.service, operation.operation
        answerer = ANSWERERS[service, name]
        region = "us-east-1" if unit.region == GLOBAL_REGION else unit.region
        place = self._world.place(unit.account_id, region)
        model = self._session.get_service_model(service).operation_model(name)
        request = _request(unit.parameters, model.input_shape)
        merged: dict[str, Any] = {}
        while True:
            page = ask(answerer, Call(place, Caller(unit.account_id, "", ""), name, request))
            token = answerer.paging and page.pop(
                answerer.paging.answer_token or answerer.paging.token, None
            )
            for member, value in page.items():
                merged[member] = (
                    merged.get(member, []) + value if isinstance(value, list) else value
                )
            if not answerer.paging or token is None:
                return merged
            request[answerer.paging.token] = token

    def _proof(self) -> Proof:
        now = self._world.now
        return Proof(
            endpoint="http://127.0.0.1",
            synthetic=True,
            caller_arn="",
            request_ids=("",),
            pages=1,
            attempts=1,
            started_at=now,
            finished_at=now,
            tool="test",
        )


def _request(parameters: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    """Return parameters with times as boto3 would send them."""
    request = dict(parameters)
    for name, value in request.items():
        if shape.members[name].type_name == "timestamp":
            request[name] = datetime.fromisoformat(value)
    return request
