"""Log groups that one's own credentials may read, for the command line.

Nothing that serves tenants may use it: `log_reading` reads on their behalf.
"""

from collections.abc import Iterator
from typing import Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from affidavit.aws.clients import Clients, new_session
from affidavit.aws.settings import AwsSettings
from affidavit.errors import CollectError

_HOME: Final = "us-east-1"


class OwnLogs:
    """Reads log groups of the caller's account in one Region; use it in a `with`."""

    def __init__(self, settings: AwsSettings) -> None:
        """Take how AWS is reached; nothing is sent yet."""
        self._clients = Clients(settings)
        self._session = new_session(settings)
        self._region = settings.region or self._session.get_config_variable("region") or _HOME

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()

    def events(self, group: str, start: int, end: int) -> Iterator[list[tuple[int, str]]]:
        """Yield time and message of the events from `start` to before `end` (ms), page by page.

        Raises `CollectError` for what CloudWatch Logs refused, or did not answer.
        """
        asked = {"logGroupName": group, "startTime": start, "endTime": end - 1}
        try:
            with self._clients.use(self._session, "", self._region, "logs") as client:
                for page in client.get_paginator("filter_log_events").paginate(**asked):
                    yield [(one["timestamp"], one["message"]) for one in page.get("events", ())]
        except (ClientError, BotoCoreError) as error:
            raise CollectError(
                f"The log group {group} could not be read",
                why=str(error),
                todo="Check credentials and Region; logs:FilterLogEvents is needed.",
            ) from error
