"""From a raw request to an answer: verify, route, parse, validate, run the operation, serialise.

No HTTP server and no event loop here; `app` runs this in a worker thread.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from affidavit.api.errors import Answer, ApiError, internal, refused
from affidavit.api.protocol import Protocol, RawRequest
from affidavit.api.sigv4 import Credential, Verifier
from affidavit.errors import AffidavitError
from affidavit.operations.caller import Caller
from affidavit.operations.faults import AccessDeniedFault, Fault, ValidationFault

Handler = Callable[[Caller, dict[str, Any]], Mapping[str, Any]]
"""An operation: the caller and the request's members -> the answer's members.

Members have the API's own names. Times in the answer are aware `datetime`s. It raises a `Fault` to
refuse. Called in a worker thread, several at once.
"""

Identify = Callable[[RawRequest], tuple[Credential, str]]
"""Who sent a request: the credential and the Region; raises ApiError."""

_log: Final = logging.getLogger("affidavit.api")


@dataclass(slots=True)
class Record:
    """What the access log says about one request; filled in as it becomes known."""

    request_id: str
    operation: str = ""
    account_id: str = ""
    region: str = ""
    access_key_id: str = ""


def signed(verifier: Verifier) -> Identify:
    """Return the way to identify callers by their signature."""

    def identify(request: RawRequest) -> tuple[Credential, str]:
        verified = verifier.verify(request)
        return verified.credential, verified.region

    return identify


class Engine:
    """Answers raw requests; safe to share between threads."""

    def __init__(
        self, protocol: Protocol, handlers: Mapping[str, Handler], identify: Identify
    ) -> None:
        """Take the compiled model, a handler an operation name, and how callers are known."""
        unknown = sorted(handlers.keys() - protocol.operations.keys())
        if unknown:
            raise ValueError(f"Handlers for operations that do not exist: {', '.join(unknown)}")
        self._protocol = protocol
        self._handlers = handlers
        self._identify = identify

    def handle(self, request: RawRequest, record: Record) -> Answer:
        """Return the answer to `request`; errors that are not ours to expect pass through."""
        try:
            return self._run(request, record)
        except ApiError as error:
            return refused(error)
        except Fault as fault:
            return self._protocol.fault(fault)
        except AffidavitError as error:
            _log.error("Request %s (%s) failed: %s", record.request_id, record.operation, error)
            return internal(record.request_id)

    def _run(self, request: RawRequest, record: Record) -> Answer:
        credential, region = self._identify(request)
        record.account_id, record.region = credential.account_id, region
        record.access_key_id = credential.access_key_id
        if credential.regions and region not in credential.regions:
            raise AccessDeniedFault(
                f"This access key was made for {', '.join(credential.regions)}, not for {region}."
            )
        operation, labels = self._protocol.match(request.method, request.raw_path)
        record.operation = operation.name
        members = self._protocol.request(operation, labels, request)
        handler = self._handlers.get(operation.name)
        if handler is None:
            raise ValidationFault(
                f"This server does not have the operation {operation.name}.",
                reason="unknownOperation",
            )
        caller = Caller(
            account_id=credential.account_id,
            region=region,
            principal_arn=credential.principal_arn,
            role=credential.role,
            request_id=record.request_id,
            access_key_id=credential.access_key_id,
        )
        return self._protocol.answer(operation, handler(caller, members))
