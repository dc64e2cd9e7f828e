"""PostgreSQL as a peer: the server that is named, else a throw-away one that syncs to the disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.postgres_server import throw_away

URL = "AFFIDAVIT_BENCH_POSTGRES_URL"
NONE = f"not measured: no PostgreSQL is installed, and {URL} is not set"


@contextmanager
def peer() -> Iterator[str | None]:
    """Yield the URL of a server, or None where there is none."""
    given = os.environ.get(URL)
    if given:
        yield given
        return
    with throw_away(durable=True) as url:
        yield url
