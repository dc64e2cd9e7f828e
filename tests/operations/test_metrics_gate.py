"""Who may read /metrics: this machine, or who has the token; never a foreign Host."""

import asyncio
from typing import Any

import pytest

from affidavit.api.hosts import LOOPBACK, HostAllowList
from affidavit.api.metrics import Metrics, MetricsGate
from affidavit.errors import SettingsError
from affidavit.operations import metrics


async def _get(
    app: Any, path: str, host: str, method: str = "GET", *, peer: str = "127.0.0.1", token: str = ""
) -> tuple[int, bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "client": (peer, 1234), "headers": [
            (b"host", host.encode()),
            *([(b"authorization", f"Bearer {token}".encode())] if token else []),
        ],
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])


async def _other(*_: Any) -> None:
    """Answer what is not of the metrics."""
    raise AssertionError("not for the API")


def test_metrics_go_through_the_same_door_as_health() -> None:
    """A foreign Host is refused; only GET and HEAD are answered."""
    gate = MetricsGate("", proxied=False)
    app = HostAllowList(Metrics(_other, lambda: "x 1\n", metrics.CONTENT_TYPE, gate), LOOPBACK)
    assert asyncio.run(_get(app, "/metrics", "127.0.0.1")) == (200, b"x 1\n")
    assert asyncio.run(_get(app, "/metrics", "127.0.0.1", "POST"))[0] == 405
    status, body = asyncio.run(_get(app, "/metrics", "evil.example"))
    assert status >= 400
    assert b"x 1" not in body


@pytest.mark.parametrize(
    ("gate", "asked", "status"),
    [
        (MetricsGate("", proxied=False), {"host": "127.0.0.1", "peer": "::1"}, 200),
        (MetricsGate("", proxied=False), {"host": "127.0.0.1", "peer": "10.0.0.9"}, 403),
        (MetricsGate("", proxied=False), {"host": "named.example"}, 403),
        (MetricsGate("", proxied=True), {"host": "127.0.0.1"}, 403),
        (MetricsGate("t" * 16, proxied=True), {"host": "named.example"}, 403),
        (MetricsGate("t" * 16, proxied=False), {"host": "127.0.0.1", "token": "t" * 15}, 403),
        (MetricsGate("t" * 16, proxied=True), {"host": "named.example", "token": "t" * 16}, 200),
    ],
)
def test_metrics_of_all_tenants_are_not_for_everybody(
    gate: MetricsGate, asked: dict[str, str], status: int
) -> None:
    """They name every tenant: this machine reads them, never by a proxy, or who has the token."""
    app = Metrics(_other, lambda: "tenant\n", metrics.CONTENT_TYPE, gate)
    found, body = asyncio.run(_get(app, "/metrics", **asked))
    assert found == status
    assert (body == b"tenant\n") is (status == 200)


def test_a_token_that_can_be_guessed_is_refused() -> None:
    """Nothing limits guesses, so a short token is an error at the start."""
    with pytest.raises(SettingsError, match="AFFIDAVIT_METRICS_TOKEN"):
        MetricsGate("short", proxied=False)
