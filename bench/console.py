"""Server time of the console's pages over a large store: in process, without a network.

The evidence is `evidence_maker`'s; its 52 controls are mostly the catalogue's. Each page is
answered once, cold, and then several times; CPU and wall time, the median of each, and the CPU time
of the first answer, which opens files and counts what is kept from then on.
"""

import re
import statistics
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.testclient import TestClient

from affidavit.finder.engine import Finder
from affidavit.operations import users
from affidavit.operations.caller import Caller
from affidavit.operations.dispatch import Dispatcher
from affidavit.server import Background, ServeOptions, make_app, make_context, warm
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from bench.evidence_maker import LAST_DAY, TENANT, make

GOAL_MS = 50.0
ROUNDS = 7
PASSWORD = "correct horse battery"  # noqa: S105 - of a store that is thrown away
_OWN = {"origin": "http://localhost", "host": "localhost"}


RECORDS = 1_000_000


def run(records: int = RECORDS, days: int = 120) -> dict[str, float]:
    """Return milliseconds of CPU and wall time of each page, and how many miss the goal."""
    with TemporaryDirectory(prefix="affidavit-bench-") as home:
        settings = Settings(home=Path(home) / "home", keys=Path(home) / "keys")
        with open_store(settings) as store, Finder(store) as finder:
            made = make(store, records, days=days)
            warm(finder)  # as `affidavit serve` does
            client = _client(store, settings, finder)
            found: dict[str, float] = {}
            for name, path in _pages(client, made.assessments[0]).items():
                first, cpu, wall = _timed(client, path)
                found[f"{name}.cpu_ms"], found[f"{name}.wall_ms"] = cpu, wall
                found[f"{name}.first_ms"] = first
            slow = [one for one in found.items() if one[0].endswith("cpu_ms") and one[1] > GOAL_MS]
            cold = [
                one for one in found.items() if one[0].endswith("first_ms") and one[1] > GOAL_MS
            ]
            return {
                **found,
                "pages": len(found) / 3,
                "pages_over_50_ms": float(len(slow)),
                "first_answers_over_50_ms": float(len(cold)),
            }


def _client(store: Store, settings: Settings, finder: Finder) -> TestClient:
    """Return a browser that is signed in as the audit owner, on the evidence's last day."""
    account, region = TENANT.split("/")
    now = datetime.combine(LAST_DAY, datetime.min.time(), UTC) + timedelta(hours=12)
    context = replace(make_context(store, settings, ServeOptions()), now=lambda: now)
    app = make_app(Background(context), ServeOptions(), finder)
    arn = users.principal_of(account, "olga")
    admin = Caller(
        account_id=account, region=region, principal_arn=arn, role="admin", request_id="bench"
    )
    Dispatcher(context)("RegisterAccount", admin, {})
    grants = [users.grant(account, region, role, arn) for role in users.FIRST_GRANTS]
    users.add(store, "olga", grants, by="bench", now=now, password=PASSWORD)
    client = TestClient(app, base_url="http://localhost", headers=_OWN)
    client.post("/console/sign-in", data={"name": "olga", "password": PASSWORD})
    return client


def _pages(client: TestClient, assessment: str) -> dict[str, str]:
    base, made = f"/console/assessments/{assessment}", assessment
    framework = _first(client, "/console/frameworks", r'(/console/frameworks/[0-9a-f-]{36})"')
    control = _first(client, f"{base}?set=Privacy", rf'({base}/controls/[^"]+Privacy)"')
    folder = _first(client, control, rf'({base}/folders/[^"]+)"')
    return {
        "dashboard": "/console/",
        "assessments": "/console/assessments",
        "assessment": base,
        "control": control,
        "folder": folder,
        "evidence": _first(client, folder, rf'({base}/folders/[^"]+/evidence/[^"]+)"'),
        "period": f"{base}/period",
        "selection": f"{base}/selection",
        "changes": f"{base}/changes",
        "finder": "/console/finder",
        "finder_filtered": "/console/finder?f=compliance+%3D+NON_COMPLIANT&f=service+%3D+s3",
        "finder_grouped": "/console/finder?group=control",
        "search": "/console/search?q=guardrail",
        **{f"assessment_{one}": f"{base}/{one}" for one in ("scope", "owners", "tags")},
        "framework": framework,
        "framework_copied": f"/console/frameworks/new?from={framework.rpartition('/')[2]}",
        "library_control": _first(client, framework, r'(/console/controls/[^"/?]+)"'),
        "delegate": f"/console/delegations/new?assessment={made}&set=Privacy",
        "review": f"/console/delegations/review?assessment={made}&set=Privacy",
        **{one: f"/console/{one}" for one in _PLAIN},
    }


_PLAIN = (
    *("account", "assessments/new", "canaries", "canaries/new", "controls", "controls/new"),
    *("controls/try?check=bucket-tls", "delegations", "downloads", "frameworks", "logs"),
    *("finder/export?f=control+~+GENAI-PRIV-*", "finder/report?f=control+~+GENAI-PRIV-*"),
    *("notifications", "prompts", "prompts/new", "prompts/suites/refusal", "reports"),
    *("reports/verify", "settings", "shares"),
)
"""Pages whose address needs nothing of the store."""


def _first(client: TestClient, path: str, pattern: str) -> str:
    match = re.search(pattern, client.get(path).text)
    if match is None:
        raise ValueError(f"{path} has no {pattern}")
    return match[1].replace("&amp;", "&")


def _timed(client: TestClient, path: str) -> tuple[float, float, float]:
    cpu: list[float] = []
    wall: list[float] = []
    for _ in range(ROUNDS + 1):
        began, spent = time.perf_counter(), time.process_time()
        answer: Any = client.get(path)
        spent, took = time.process_time() - spent, time.perf_counter() - began
        if answer.status_code != 200:
            raise ValueError(f"{path}: {answer.status_code}")
        cpu.append(spent * 1000)
        wall.append(took * 1000)
    return cpu[0], statistics.median(cpu[1:]), statistics.median(wall[1:])


if __name__ == "__main__":
    import sys

    for figure, value in run(int(sys.argv[1])).items():
        print(f"{figure:24} {value:8.1f}")
