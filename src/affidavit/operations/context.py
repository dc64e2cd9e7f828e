"""What every operation of the API works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from affidavit.aws.settings import AwsSettings
from affidavit.model.catalogue import Catalogue
from affidavit.model.times import utc_now
from affidavit.operations.caller import Caller
from affidavit.settings import Settings
from affidavit.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The installation that an operation acts on."""

    store: Store
    catalogue: Catalogue
    """The standard framework with its controls."""
    settings: Settings
    now: Callable[[], datetime] = utc_now
    wake: Callable[[], None] = lambda: None
    """Tells the worker that there is work: a first collection, a report."""
    endpoint_url: str = "http://127.0.0.1:8080"
    """Where clients reach this server: presigned URLs begin so."""
    aws: AwsSettings = field(default_factory=AwsSettings)
    """How AWS is reached when collecting, and for the tenant's own buckets."""


Operation = Callable[[Context, Caller, dict[str, Any]], Mapping[str, Any]]
"""An operation: request in the API's own member names, answer likewise, without None members."""
