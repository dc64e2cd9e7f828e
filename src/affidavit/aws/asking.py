"""One question to AWS: from the unit to the observation with its proof, or to the gap."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from affidavit.aws import models, peers, redact
from affidavit.aws.clients import Clients, trusts_usual_authorities
from affidavit.aws.deadline import within
from affidavit.aws.errors import (
    PARSER_TROUBLE,
    UNREADABLE,
    PagesError,
    Trouble,
    name_unknown,
    trouble,
)
from affidavit.aws.identity import Access
from affidavit.aws.limits import Breaker, Limits
from affidavit.aws.paging import MAX_EVENT_PAGES, MAX_PAGES, read_pages
from affidavit.aws.settings import TOOL, AwsSettings
from affidavit.aws.shapes import plain, typed
from affidavit.aws.trace import Trace
from affidavit.model.catalogue import Operation
from affidavit.model.observation import (
    Gap,
    GapReason,
    JsonObject,
    Observation,
    Proof,
    Result,
    Unit,
)

POLLED = {("iam", "GenerateCredentialReport"): ("State", "COMPLETE")}
"""Operations that start something: asked until the member has the value."""

POLLS = 20
POLL_SECONDS = 1.5

_NO_ANSWER = frozenset({GapReason.TIMED_OUT, GapReason.UNREACHABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What all questions of a run share."""

    settings: AwsSettings
    clients: Clients
    limits: Limits
    breaker: Breaker
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    resolves: Callable[[str], bool]
    """Whether the name service knows a host."""


class Question:
    """One question under way: asked once, by one thread."""

    def __init__(
        self, means: Means, access: Access, operation: Operation, unit: Unit, region: str
    ) -> None:
        self._means = means
        self._access = access
        self._operation = operation
        self._unit = unit
        self._region = region
        self._started_at = means.clock()
        self._pages = 0
        self._trace = Trace(pace=self._pace)

    def run(self) -> Result:
        """Return the result; the breaker learns whether an answer came."""
        try:
            body = within(self._means.settings, self._trace, self._read)
        except ClientError as error:
            self._note_request(error.response)
            result = self._absent(error) or self._failed(error)
        except (BotoCoreError, PagesError, *UNREADABLE, *PARSER_TROUBLE) as error:
            result = self._failed(error)
        else:
            result = self._observed(body, absent="")
        self._tell_breaker(result)
        return result

    def _pace(self, operation: str, url: str) -> None:
        """Wait for a token; AWS's own quotas do not bind an endpoint on this machine."""
        place = (self._unit.account_id, self._region, self._operation.service)
        self._means.limits.wait(*place, "" if peers.is_local(url) else operation)

    def _read(self) -> JsonObject:
        service, name = self._operation.service, self._operation.operation
        paging = models.paging(service, name)
        most = MAX_EVENT_PAGES if name == "LookupEvents" else MAX_PAGES
        clients, session = self._means.clients, self._access.session
        with clients.use(session, self._unit.account_id, self._region, service) as client:
            method = getattr(client, xform_name(name))

            def ask(parameters: JsonObject) -> JsonObject:
                return self._page(method, parameters)

            return read_pages(lambda p: self._settled(ask, p), self._unit.parameters, paging, most)

    def _settled(self, ask: Callable[[JsonObject], JsonObject], p: JsonObject) -> JsonObject:
        """Ask until what the operation starts is done, if it starts anything."""
        polled = POLLED.get((self._operation.service, self._operation.operation))
        body = ask(p)
        if polled is None:
            return body
        member, wanted = polled
        for _ in range(POLLS):
            if body.get(member) == wanted:
                return body
            self._means.sleep(POLL_SECONDS)
            body = ask(p)
        raise PagesError(
            GapReason.FAILED,
            f"{member} is still {body.get(member)} after {POLLS} polls, not {wanted}.",
        )

    def _page(self, method: Callable[..., dict[str, Any]], parameters: JsonObject) -> JsonObject:
        """Return one page as JSON, checked against the operation's shape."""
        answer = method(**parameters)
        self._note_request(answer)
        body = plain(answer)
        typed(self._operation.service, self._operation.operation, body)
        self._pages += 1
        return body

    def _note_request(self, answer: Mapping[str, Any]) -> None:
        metadata = answer.get("ResponseMetadata", {})
        headers = metadata.get("HTTPHeaders", {})
        found = metadata.get("RequestId") or headers.get("x-amz-request-id")
        self._trace.request_ids.append(str(found or headers.get("x-amzn-requestid") or ""))

    def _absent(self, error: ClientError) -> Observation | None:
        code = str(error.response["Error"].get("Code", ""))
        own = error.operation_name == self._operation.operation
        if code not in self._operation.absent_on or self._trace.html or not own:
            return None
        message = str(error.response["Error"].get("Message") or "")
        return self._observed({"Error": {"Code": code, "Message": message}}, absent=code)

    def _observed(self, body: JsonObject, *, absent: str) -> Observation:
        paths = () if absent else self._operation.redact
        clean, redacted = redact.body(body, paths)
        return Observation(
            unit=self._unit,
            service=self._operation.service,
            operation=self._operation.operation,
            absent=absent,
            body=clean,
            proof=self._proof(redacted, pages=max(self._pages, 1)),
        )

    def _failed(self, error: Exception) -> Gap:
        endpoint = peers.origin(self._trace.url) if self._trace.url else self._operation.service
        why = trouble(
            error,
            iam_action=self._operation.iam_action,
            endpoint=endpoint,
            html=self._trace.html,
        )
        if name_unknown(error):
            why = self._unknown_name(why)
        elif not self._trace.sent and why.reason is GapReason.MALFORMED:
            why = Trouble(reason=GapReason.FAILED, code="", message=f"Not sent: {error}")
        return Gap(
            unit=self._unit,
            service=self._operation.service,
            operation=self._operation.operation,
            reason=why.reason,
            code=why.code,
            message=why.message,
            proof=self._proof((), pages=self._pages) if self._trace.sent else None,
        )

    def _unknown_name(self, why: Trouble) -> Trouble:
        """Tell a Region without the service from a network without names.

        botocore's endpoint data is a hint (it is incomplete for new services); the service counts
        as unsupported where its host has no name while that of STS in the same Region has one.
        """
        service, session = self._operation.service, self._access.session
        partition = self._access.identity.partition
        listed = session.get_available_regions(service, partition_name=partition)
        host = urlsplit(self._trace.url).hostname or ""
        if self._region in listed or not peers.is_aws_host(host, service):
            return why
        if not any(self._means.resolves(name) for name in peers.regional_sts(self._region)):
            return why
        return Trouble(
            reason=GapReason.UNSUPPORTED_IN_REGION,
            code="",
            message=f"{service} has no endpoint in {self._region}: the name {host} does not exist.",
        )

    def _proof(self, redacted: tuple[str, ...], *, pages: int) -> Proof:
        settings, url = self._means.settings, self._trace.url
        service = self._operation.service
        verified = trusts_usual_authorities(settings, self._access.session)
        return Proof(
            endpoint=peers.origin(url),
            synthetic=self._access.identity.synthetic
            or peers.not_aws(self._trace.peers, service, verified=verified),
            caller_arn=self._access.identity.arn,
            request_ids=tuple(self._trace.request_ids),
            pages=pages,
            attempts=self._trace.sent,
            started_at=self._started_at,
            finished_at=self._means.clock(),
            tool=TOOL,
            redacted=redacted,
        )

    def _tell_breaker(self, result: Result) -> None:
        place = (self._unit.account_id, self._region, self._operation.service)
        if isinstance(result, Gap) and result.reason in _NO_ANSWER and not result.code:
            self._means.breaker.failed(*place, why=result.message)
        else:
            self._means.breaker.answered(*place)
