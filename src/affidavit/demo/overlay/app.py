"""The WSGI application: who calls, what is asked, is it to fail, what is the answer.

Calls of models go to the scripted ones (`demo.bedrock`); what the estate does not answer goes on to
moto, with the caller's account.
"""

import io
import json
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from affidavit.demo.bedrock.app import Runtime, is_of_runtime
from affidavit.demo.overlay import protocol
from affidavit.demo.overlay.fallback import Fallback
from affidavit.demo.overlay.faults import Broken, Faults
from affidavit.demo.overlay.prompted import speakers_of
from affidavit.demo.overlay.protocol import Asked, Reply
from affidavit.demo.overlay.registry import ANSWERERS, AwsError, Call, NotOursError, ask
from affidavit.demo.world import Caller, World

StartResponse = Callable[..., Any]
Environ = dict[str, Any]

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_PRIVATE = "/_affidavit/"
_REFUSALS = {
    "query": "InvalidClientTokenId",
    "ec2": "AuthFailure",
    "rest-xml": "InvalidAccessKeyId",
    "s3control": "InvalidAccessKeyId",
}
"""What services say to an access key that they do not know; others: UnrecognizedClientException."""


class Overlay:
    """Answers AWS requests from a world, and the rest from moto."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults
        self._fallback = Fallback(world)
        self._models = {
            account: Runtime(speakers=speakers_of(world, account)) for account in world.accounts
        }
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        path = str(environ.get("PATH_INFO", ""))
        if path.startswith(_PRIVATE):
            return _send(self._private(environ, path), start_response)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        reply = self._reply(environ, path)
        if reply is None:
            environ["wsgi.input"] = io.BytesIO(body)
            return self._answerer(environ, path)(environ, start_response)
        return _send(reply, start_response)

    def _answerer(self, environ: Environ, path: str) -> Runtime | Fallback:
        """Return who answers what the estate does not: the account's models, or moto."""
        if not is_of_runtime(path):
            return self._fallback
        signed = _CREDENTIAL.search(str(environ.get("HTTP_AUTHORIZATION", "")))
        caller = self._world.caller(signed[1]) if signed else None
        return self._models[caller.account_id] if caller else self._fallback

    def _reply(self, environ: Environ, path: str) -> Reply | None:
        signed = _CREDENTIAL.search(str(environ.get("HTTP_AUTHORIZATION", "")))
        request_id = str(uuid.uuid4())
        if signed is None:
            refusal = AwsError("MissingAuthenticationToken", "The request is not signed", 403)
            return protocol.refuse("rest-xml", refusal, request_id)
        access_key, region, signing_name = signed.groups()
        form = protocol.error_form(signing_name, path)
        caller = self._world.caller(access_key)
        if caller is None:
            code = _REFUSALS.get(form, "UnrecognizedClientException")
            refusal = AwsError(code, "The security token included in the request is invalid.", 403)
            return protocol.refuse(form, refusal, request_id)
        if is_of_runtime(path):
            self._count("bedrock-runtime", "(models)", caller.account_id, region)
            return None
        request = protocol.as_request(environ)
        asked = protocol.route(request, signing_name)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = caller.account_id
        if asked is None:
            self._count(signing_name, "(moto)", caller.account_id, region)
            return None
        self._count(asked.service, asked.operation, caller.account_id, region)
        form = form if form == "s3control" else asked.protocol
        reply: Reply | None = None
        with suppress(NotOursError):
            try:
                reply = self._answer(asked, request, caller, region, request_id)
            except AwsError as error:
                reply = protocol.refuse(form, error, request_id)
        return reply

    def _answer(
        self, asked: Asked, request: Any, caller: Caller, region: str, request_id: str
    ) -> Reply:
        broken = self._faults.strike(asked.service, asked.operation, caller.account_id, region)
        if isinstance(broken, Broken):
            return Reply(broken.status, {"Content-Type": broken.content_type}, broken.body)
        if region not in self._world.estate.regions.enabled:
            raise AwsError("UnrecognizedClientException", f"{region} is not enabled", 403)
        place = self._world.place(caller.account_id, region)
        call = Call(place, caller, asked.operation, protocol.parse(asked, request))
        answer = ask(ANSWERERS[asked.service, asked.operation], call)
        if isinstance(answer.get("Body"), bytes):
            return Reply(200, {"Content-Type": answer["ContentType"]}, answer["Body"])
        return protocol.serialise(asked, answer, request_id)

    def _count(self, service: str, operation: str, account: str, region: str) -> None:
        with self._lock:
            self._counts[service, operation, account, region] += 1

    def _private(self, environ: Environ, path: str) -> Reply:
        """Return the log of requests at /_affidavit/requests; DELETE empties it."""
        if path != f"{_PRIVATE}requests":
            return Reply(404, {"Content-Type": "text/plain"}, b"unknown\n")
        with self._lock:
            if environ["REQUEST_METHOD"] == "DELETE":
                self._counts.clear()
            counts = [[*key, count] for key, count in sorted(self._counts.items())]
        return Reply(200, {"Content-Type": "application/json"}, json.dumps(counts).encode())


def _send(reply: Reply, start_response: StartResponse) -> list[bytes]:
    headers = {**reply.headers, "Content-Length": str(len(reply.body))}
    start_response(f"{reply.status} -", list(headers.items()))
    return [reply.body]
