"""Metrics of the installation in Prometheus' text form: canaries, watched logs, alerts, work.

Numbers and names only: no secret, no text, no address of a receiver.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from affidavit.model.times import parse
from affidavit.operations import alert_channels, alerts, canaries, log_watches, work
from affidavit.operations.context import Context

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


_STATES: Final = ("scanned", "failed", "waiting")
_COUNTS: Final = ("records", "disclosures", "profane", "refused", "unguarded", "unread")


def prometheus(context: Context) -> str:
    """Return all metrics."""
    return "".join([*_canaries(context), *_watches(context), *_alerts(context), *_work(context)])


def _family(
    name: str, kind: str, words: str, samples: Iterable[tuple[Mapping[str, str], float]]
) -> str:
    lines = [f"# HELP affidavit_{name} {words}\n# TYPE affidavit_{name} {kind}\n"]
    for labels, value in samples:
        named = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"affidavit_{name}{{{named}}} {value:g}\n")
    return "".join(lines)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _canaries(context: Context) -> Iterable[str]:
    success, duration, rate, late = [], [], [], []
    for document in canaries.listed(context.store):
        canary, last = canaries.canary_of(document), document.body["last"]
        labels = {"CanaryName": canary.name, "suite": canary.suite, "model": canary.model}
        overdue = (context.now() - parse(document.body["nextAt"])).total_seconds()
        late.append((labels, max(0.0, overdue)))
        if last is None:
            continue
        success.append((labels, 100.0 if last["state"] == "passed" else 0.0))
        if last.get("cases"):
            rate.append((labels, last["passed"] / last["cases"]))
            duration.append((labels, last["durationMs"] / 1000))
    yield _family("canary_success_percent", "gauge", "Last run: 100 passed, 0 did not.", success)
    yield _family("canary_pass_ratio", "gauge", "Share of cases passed in the last run.", rate)
    yield _family("canary_duration_seconds", "gauge", "Duration of the last run.", duration)
    yield _family("canary_overdue_seconds", "gauge", "How long a run is overdue.", late)


def _watches(context: Context) -> Iterable[str]:
    objects, records = [], []
    for watch, document in log_watches.watches(context.store):
        told = log_watches.told(context.store, watch, document)
        labels = {"tenant": watch.tenant, "watch": watch.name}
        objects += [({**labels, "state": name}, float(told[name])) for name in _STATES]
        records += [({**labels, "kind": name}, float(told.get(name, 0))) for name in _COUNTS]
    yield _family("log_objects", "gauge", "Objects of watched logs by state.", objects)
    yield _family("log_counts", "counter", "What was counted in watched logs.", records)


def _alerts(context: Context) -> Iterable[str]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for tenant, document in context.store.documents.of_all_tenants(alerts.KIND):
        counts[tenant, document.body["kind"], document.body["state"]] += 1
    samples = [
        ({"tenant": tenant, "kind": kind, "state": state}, float(count))
        for (tenant, kind, state), count in sorted(counts.items())
    ]
    yield _family("alerts", "gauge", "Alerts by kind and state.", samples)
    tenants = Counter(t for t, _ in context.store.documents.of_all_tenants(alert_channels.KIND))
    yield _family(
        "alert_channels",
        "gauge",
        "Channels of alerts.",
        [({"tenant": tenant}, float(count)) for tenant, count in sorted(tenants.items())],
    )


def _work(context: Context) -> Iterable[str]:
    counts = Counter(d.body["task"] for _, d in context.store.documents.of_all_tenants(work.KIND))
    samples = [({"task": task}, float(count)) for task, count in sorted(counts.items())]
    yield _family("work_waiting", "gauge", "Tasks that wait for a worker.", samples)
