"""The only door to AWS: one question in, one observation or one gap out; it never lies about which.

`Door.call` reads all pages, redacts, and writes down how the answer came about. It does not raise
for AWS's trouble: what could not be observed is a `Gap` with its reason.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Self

from affidavit.aws import peers
from affidavit.aws.asking import Means, Question
from affidavit.aws.clients import Clients
from affidavit.aws.identity import Access, Accounts, CallerIdentity, global_region
from affidavit.aws.limits import Breaker, Limits
from affidavit.aws.log_reading import LogReader
from affidavit.aws.settings import AwsSettings
from affidavit.errors import CollectError
from affidavit.model.catalogue import Operation
from affidavit.model.observation import GLOBAL_REGION, Gap, GapReason, Result, Unit
from affidavit.model.times import utc_now

__all__ = ["CallerIdentity", "Door"]


class Door:
    """The calls of one run, with its credentials, clients, limits; used by many threads."""

    def __init__(
        self,
        settings: AwsSettings,
        *,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        resolves: Callable[[str], bool] = peers.resolves,
    ) -> None:
        self._stop = threading.Event()
        self._means = Means(
            settings=settings,
            clients=Clients(settings),
            limits=Limits(settings.requests_per_second, self._stop, settings.lookups_per_second),
            breaker=Breaker(),
            clock=clock,
            sleep=sleep,
            resolves=resolves,
        )
        self._accounts = Accounts(settings, self._means.clients, self._means.limits)

    @property
    def concurrency(self) -> int:
        """Return how many questions may be under way at once."""
        return self._means.settings.concurrency

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def identity(self) -> CallerIdentity:
        """Return who we are; raise `CredentialsError` or `CollectError`."""
        return self._accounts.home().identity

    def enter(self, account_id: str) -> CallerIdentity:
        """Return who we are in an account; raise `EstateError` where it cannot be entered."""
        return self._accounts.access(account_id).identity

    def home_region(self) -> str:
        """Return the Region where the estate is asked."""
        return self._accounts.home_region(self._accounts.home().session)

    def leave(self, account_id: str) -> None:
        """Keep nothing large of an account that is done; it can be asked again at any time."""
        self._means.clients.close(account_id)
        self._means.limits.forget()
        self._accounts.leave(account_id)

    def close(self) -> None:
        """Let nothing more out: what waits ends, all clients are closed."""
        self._stop.set()
        self._means.clients.close()

    def call(self, operation: Operation, unit: Unit) -> Result:
        """Ask one question, all pages; return the observation, or the gap that says why not."""
        try:
            access = self._accounts.access(unit.account_id)
        except CollectError as error:
            return _gap(operation, unit, GapReason.DENIED, error.sentences)
        region = self._real_region(unit.region, access)
        why_not = self._means.breaker.why_not(unit.account_id, region, operation.service)
        if why_not:
            return _gap(
                operation, unit, GapReason.UNREACHABLE, f"Not asked, as before it: {why_not}"
            )
        return Question(self._means, access, operation, unit, region).run()

    def log_reader(self, account_id: str, region: str) -> LogReader:
        """Return what reads logs of an account; raise `CollectError` where it cannot be entered."""
        access = self._accounts.access(account_id)
        return LogReader(self._means, access, account_id, self._real_region(region, access))

    def _real_region(self, region: str, access: Access) -> str:
        return global_region(access.identity.partition) if region == GLOBAL_REGION else region


def _gap(operation: Operation, unit: Unit, reason: GapReason, message: str) -> Gap:
    """Return the gap of a question that was not sent."""
    return Gap(
        unit=unit,
        service=operation.service,
        operation=operation.operation,
        reason=reason,
        code="",
        message=message,
        proof=None,
    )
