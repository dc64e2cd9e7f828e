"""Prompts, canaries, watches and alert rules set up in the browser, against scripted models."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.console import traffic
from tests.console.conftest import ACCOUNT, REGION, TENANT, Installation, Maker

from affidavit import demo
from affidavit.aws.settings import AwsSettings
from affidavit.collector.log_settings import scan_settings
from affidavit.operations import (
    alert_channels,
    alert_routes,
    canaries,
    log_watches,
    log_watching,
    own_data,
    prompt_jobs,
    tasks,
    tenants,
    work,
)
from affidavit.operations.prompt_jobs import KIND
from affidavit.server import ServeOptions

PLACE = f"{ACCOUNT}/{REGION}"
ASKED = {"suite": "known-answers", "model": "demo.good", "place": PLACE}
CANARY = {**ASKED, "name": "answers", "every": "1h", "leastRate": "90"}


@pytest.fixture(scope="module")
def estate() -> Iterator[demo.Simulated]:
    """Run scripted models behind a Bedrock-shaped endpoint."""
    with demo.start() as running:
        yield running


@pytest.fixture
def bound(make_installation: Maker, estate: demo.Simulated) -> Installation:
    """Return an installation whose tenant may ask these models."""
    aws = AwsSettings(
        endpoint_url=estate.endpoint_url,
        access_key=estate.access_key,
        secret_key=estate.secret_key,
        requests_per_second=1000,
    )
    made = make_installation(options=ServeOptions(aws=aws))
    settings = made.context.settings
    tenants.bind(settings, made.store, TENANT, tenants.Grant(ambient=True), by="admin")
    return made


def _start(client: Any, **asked: str) -> Any:
    return client.post("/console/prompts/new", params={**ASKED, **asked})


def _job(made: Installation) -> Any:
    return made.store.documents.every(TENANT, KIND, newest_first=True)[0].body


def test_the_cost_is_said_before_a_run_is_started(fresh: Installation) -> None:
    """Requests, tokens and money at most, from prices that were named; nothing is asked by it."""
    olga = fresh.client("olga")
    prices = {"priceInput": "3", "priceOutput": "15.5", "repeat": "2", "budgetTokens": "900"}
    page = olga.get("/console/prompts/new", params={**ASKED, **prices}).text
    figures = dict(re.findall(r'<dt>([^<]+)</dt><dd class="figure">([^<]+)</dd>', page))
    requests = int(figures["Requests to the model"])
    assert requests > 20
    assert int(figures["Output tokens at most"].replace(",", "")) == 400 * requests
    asked = int(figures["Input tokens, about"].replace(",", ""))
    cost = (asked * 3 + 400 * requests * 15.5) / 1e6
    assert float(figures["Cost at most"]) == pytest.approx(cost, abs=0.006)
    unknown = olga.get("/console/prompts/new", params=ASKED).text
    assert "not known" in unknown
    assert "No budget is set" in unknown
    assert fresh.store.documents.every(TENANT, work.KIND) == []


@pytest.mark.parametrize(
    ("asked", "member"),
    [
        ({"suite": "/etc/passwd"}, "suite"),
        ({"model": "a model"}, "model"),
        ({"place": "999988887777/us-east-1"}, "account"),
        ({"place": f"{ACCOUNT}/eu-west-9"}, "region"),
        ({"guardrail": "gr-1"}, "guardrailVersion"),
        ({"repeat": "21"}, "repeat"),
        ({"repeat": "000000000011000000"}, "repeat"),
        ({"budgetTokens": "00000000001" + "9" * 20}, "budgetTokens"),
        ({"budgetTokens": "-1"}, "budgetTokens"),
        ({"priceInput": "cheap"}, "priceInput"),
        ({"budgetCost": "5"}, "budgetCost"),
    ],
)
def test_what_cannot_be_asked_is_not_started(
    filled: Installation, asked: dict[str, str], member: str
) -> None:
    """Files of the server, foreign places, nonsense: 422, and the member is named."""
    olga = filled.client("olga")
    answers = [
        _start(olga, **asked),
        olga.post("/console/canaries/new", params={**CANARY, **asked}),
        olga.get("/console/prompts/new", params={**ASKED, **asked}),
    ]
    assert [one.status_code for one in answers] == [422, 422, 422]
    assert member in answers[0].text
    assert 'role="alert"' in answers[0].text
    assert len(filled.store.documents.every(TENANT, KIND)) == 1


def test_a_run_is_made_in_the_background_and_kept(bound: Installation) -> None:
    """Its page tells the progress; what it came to is a kept run, and a leaf of the ledger."""
    olga = bound.client("olga")
    page = _start(olga, model="demo.leaky")
    assert "In progress" in page.text
    assert "demo.leaky" in olga.get("/console/prompts").text
    size = bound.store.log(TENANT).size
    bound.work()
    job = _job(bound)
    assert (job["status"], job["why"]) == ("COMPLETE", "")
    assert job["asked"] == job["requests"]
    assert job["passed"] + job["failed"] + job["undecided"] == job["requests"]
    assert job["failed"] > 0
    assert bound.store.log(TENANT).size > size
    done = olga.get(page.url.path).text
    assert f"/console/prompts/{job['runId']}" in done
    run = olga.get(f"/console/prompts/{job['runId']}").text
    case = re.search(r'href="([^"]+/case\?case=[^"]+)"', run)
    assert case is not None
    _start(olga, model="demo.good")
    bound.work()
    beside = olga.get(case[1]).text
    assert beside.count("demo.good") >= 1
    assert beside.count("demo.leaky") >= 1
    assert olga.get(f"/console/prompts/{job['runId']}/case?case=none").status_code == 404


def test_a_budget_ends_a_run_cleanly(bound: Installation) -> None:
    """Cases that were not asked are told, and count neither as passed nor as failed."""
    _start(bound.client("olga"), budgetTokens="30")
    bound.work()
    job = _job(bound)
    assert job["status"] == "COMPLETE"
    assert "budget" in job["why"]
    assert 0 < job["asked"] < job["requests"]
    assert job["passed"] + job["failed"] + job["undecided"] == job["asked"]


def test_a_model_that_cannot_be_entered_is_told(fresh: Installation) -> None:
    """Without a bound role nobody is asked; the run has failed, and says why."""
    olga = fresh.client("olga")
    page = _start(olga)
    fresh.work()
    assert _job(fresh)["status"] == "FAILED"
    assert _job(fresh)["why"]
    assert "Failed" in olga.get(page.url.path).text


def test_a_run_of_an_account_that_left_asks_nothing(bound: Installation) -> None:
    """What was started before the deregistration is not asked after it, and says so."""
    _start(bound.client("olga"))
    (account,) = bound.store.documents.every(TENANT, "account")
    put = replace(account, body={**account.body, "status": "INACTIVE"})
    bound.store.documents.act(TENANT, now=bound.time, puts=[put])
    bound.work()
    assert _job(bound)["status"] == "FAILED"
    assert "deregistered" in _job(bound)["why"]
    assert _job(bound)["asked"] == 0


def test_a_run_that_was_stopped_goes_on_where_it_stood(
    bound: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped by its owner or handed back by its server, it asks no answered case again."""
    monkeypatch.setattr(prompt_jobs, "_TOLD", 0.0)
    olga = bound.client("olga")
    page = _start(olga)

    def when_three() -> bool:
        if _job(bound)["asked"] >= 3 and not _job(bound)["stop"]:
            olga.post(f"{page.url.path}/stop")
        return False

    assert tasks.run_one(bound.context, when_three)
    assert _job(bound)["status"] == "STOPPED"
    assert 3 <= _job(bound)["asked"] < _job(bound)["requests"]
    bound.time += timedelta(seconds=1)
    _start(olga)
    assert not tasks.run_one(bound.context, lambda: _job(bound)["asked"] >= 2)
    assert _job(bound)["status"] == "IN_PROGRESS"
    asked = _job(bound)["asked"]
    bound.work()
    job = _job(bound)
    assert job["status"] == "COMPLETE"
    kept = bound.store.documents.get(TENANT, "prompt_run", job["runId"])
    assert kept is not None
    assert asked < job["requests"] == len(kept.body["cases"])


def test_only_audit_owners_run_prompts(fresh: Installation) -> None:
    """Nobody else spends the account's money: not the auditor, the delegate, the administrator."""
    for client in (
        fresh.client("arthur"),
        fresh.client("dora"),
        fresh.client("olga", "admin"),
    ):
        assert _start(client).status_code == 403
        assert client.get("/console/prompts/new").status_code == 403
        assert client.post("/console/canaries/new", params=CANARY).status_code == 403
    assert len(fresh.store.documents.every(TENANT, KIND)) == 1
    _start(fresh.client("olga"))
    job = fresh.store.documents.every(TENANT, KIND)[-1].id
    assert fresh.client("arthur").get(f"/console/prompts/jobs/{job}").status_code == 200
    assert fresh.client("arthur").post(f"/console/prompts/jobs/{job}/stop").status_code == 403
    assert fresh.client("dora").get(f"/console/prompts/jobs/{job}").status_code == 403


def test_the_number_of_runs_under_way_is_bounded(fresh: Installation) -> None:
    """A tenant cannot queue models' bills without end."""
    olga = fresh.client("olga")
    for _ in range(prompt_jobs.MOST):
        assert _start(olga).status_code == 200
    assert _start(olga).status_code == 422


def test_no_race_starts_more_runs_than_there_may_be(
    fresh: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others start between the look and the writing counts too."""
    olga, real = fresh.client("olga"), work.queued

    def meanwhile(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(work, "queued", real)
        for _ in range(prompt_jobs.MOST):
            assert _start(olga).status_code == 200
        return real(*args, **more)

    monkeypatch.setattr(work, "queued", meanwhile)
    assert _start(olga).status_code == 422
    states = [one.body["status"] for one in fresh.store.documents.every(TENANT, KIND)]
    assert states.count("IN_PROGRESS") == prompt_jobs.MOST


def test_one_long_task_is_done_at_a_time(fresh: Installation) -> None:
    """While an export or a run of prompts is held, the next one waits; other work does not."""
    olga = fresh.client("olga")
    for _ in range(2):
        _start(olga)
    first = work.take(fresh.context)
    assert first is not None
    assert work.take(fresh.context) is None
    other = work.queued(fresh.context, "forget", fresh.assessment.id, url="s3://x/y")
    fresh.store.documents.act(TENANT, now=fresh.time, puts=[other])
    taken = work.take(fresh.context)
    assert taken is not None
    assert taken.document.body["task"] == "forget"
    first.done()
    assert work.take(fresh.context) is not None


def test_a_canary_is_made_paused_changed_and_deleted(bound: Installation) -> None:
    """It runs at once; while it is paused nothing is due or missed; its runs outlive it."""
    bound.time = bound.time.replace(year=2027)  # canaries are added by the real clock
    olga = bound.client("olga")
    assert "What each run will cost" in olga.get("/console/canaries/new", params=CANARY).text
    page = olga.post("/console/canaries/new", params=CANARY)
    assert "Its first run is due at once" in page.text
    assert olga.post("/console/canaries/new", params=CANARY).status_code == 422
    olga.post("/console/canaries/steady/change", data={"do": "pause"})
    path = "/console/canaries/answers"
    assert "It is paused" in olga.post(f"{path}/change", data={"do": "pause"}).text
    assert canaries.schedule(bound.context) == 0
    olga.post(f"{path}/change", data={"do": "resume"})
    assert canaries.schedule(bound.context) == 1
    bound.work()
    (run,) = bound.store.documents.every(TENANT, canaries.RUN, parent="answers")
    assert run.body["state"] == "passed"
    limits = {"monthTokens": "5000", "budgetCost": "0.25", "priceInput": "1", "priceOutput": "2"}
    page = olga.post(f"{path}/change", data={"every": "2d", "leastRate": "75.5", **limits})
    assert "75.5%" in page.text
    assert "5,000 tokens" in page.text
    assert canaries.named(bound.store, "answers").body["budget"] == {
        "month_tokens": "5000", "run_cost": "0.25", "price_input": "1", "price_output": "2",
    }  # fmt: skip
    unpriced = {"every": "1h", "leastRate": "1", "budgetCost": "5"}
    assert olga.post(f"{path}/change", data=unpriced).status_code == 422
    assert 'value="2d"' in page.text
    for wrong in ({"every": "2 days", "leastRate": "1"}, {"every": "1h", "leastRate": "nan"}):
        assert olga.post(f"{path}/change", data=wrong).status_code == 422
    assert olga.post(f"{path}/delete", data={"confirm": "other"}).status_code == 422
    assert "It was deleted" in olga.post(f"{path}/delete", data={"confirm": "answers"}).text
    assert olga.get(path).status_code == 404
    assert bound.store.documents.every(TENANT, canaries.RUN, parent="answers") == [run]


def test_a_canary_is_changed_by_owners_and_administrators(fresh: Installation) -> None:
    """An auditor and a delegate cannot; its address is no way around that."""
    path = f"/console/canaries/{traffic.CANARY}"
    for user in ("arthur", "dora"):
        client = fresh.client(user)
        for address, form in (
            (f"{path}/change", {"do": "pause"}),
            (f"{path}/delete", {"confirm": traffic.CANARY}),
            (f"{path}/delete", {"confirm": ""}),
        ):
            assert client.post(address, data=form).status_code == 403, (user, address)
    assert "Schedule, threshold and budget" not in fresh.client("arthur").get(path).text
    admin = fresh.client("olga", "admin")
    assert "It is paused" in admin.post(f"{path}/change", data={"do": "pause"}).text


def test_own_data_is_a_setting_of_administrators(fresh: Installation) -> None:
    """Kept with a leaf of the ledger; what would cover others' data is refused, each with why."""
    admin, address = fresh.client("olga", "admin"), "/console/logs/own"
    wrong = {"numbers": "12\n+1 800 555 0100", "domains": "co.uk, gmail.com, a@example.org"}
    refused = admin.post(address, data=wrong)
    assert refused.status_code == 422
    told = ("is no number", "is a suffix", "gives mailboxes", "is no domain")
    assert all(words in refused.text for words in told)
    assert "+1 800 555 0100</textarea>" in refused.text
    for user in ("olga", "arthur", "dora"):
        assert fresh.client(user).post(address, data={}).status_code == 403, user
    assert own_data.kept(fresh.store, TENANT).version == 0
    form = {"numbers": "+1 800 555 0100", "domains": "Example.org\nexample.org"}
    page = admin.post(address, data=form).text
    assert "Version 1, by" in page
    assert "example.org" in fresh.client("arthur").get("/console/logs").text
    again = own_data.edit(
        fresh.store, TENANT, numbers=[], domains=["example.net"], dropped=["example.org"], by="b"
    )
    assert (again.version, again.domains) == (2, ["example.net"])
    allowed = scan_settings(fresh.store, TENANT).allowed
    assert [*allowed.numbers, *allowed.domains] == ["18005550100", "example.net"]
    assert allowed.origin.startswith("version 2 of the tenant's list, by b at ")


def test_watches_are_set_up_by_administrators_of_bound_accounts(bound: Installation) -> None:
    """Added for a bound account only, paused without losing its place, removed with its counts."""
    admin, name = bound.client("olga", "admin"), f"{ACCOUNT}/{REGION}"
    wrong = {"account": "999988887777", "region": REGION}
    assert admin.post("/console/logs/watches", data=wrong).status_code == 422
    form = {"account": ACCOUNT, "region": "eu-central-1"}
    assert f"{ACCOUNT}/eu-central-1" in admin.post("/console/logs/watches", data=form).text
    assert admin.post("/console/logs/watches", data=form).status_code == 422
    for one in (name, f"{ACCOUNT}/eu-central-1"):
        admin.post("/console/logs/watches/change", data={"watch": one, "do": "pause"})
    before = bound.store.documents.get(TENANT, log_watches.KIND, name)
    assert log_watching.watch_all(bound.context) == 0
    assert bound.store.documents.get(TENANT, log_watches.KIND, name) == before
    page = admin.post("/console/logs/watches/change", data={"watch": name, "do": "resume"}).text
    assert page.count(">paused<") == 1
    assert "s3://logs/4.json.gz" in page
    gone = admin.post("/console/logs/watches/change", data={"watch": name, "do": "remove"})
    assert "s3://logs/4.json.gz" not in gone.text
    missing = {"watch": "none", "do": "pause"}
    assert admin.post("/console/logs/watches/change", data=missing).status_code == 404
    for user in ("olga", "arthur", "dora"):
        client = bound.client(user)
        assert client.post("/console/logs/watches", data=form).status_code == 403
        change = {"watch": f"{ACCOUNT}/eu-central-1", "do": "remove"}
        assert client.post("/console/logs/watches/change", data=change).status_code == 403


def test_alerts_go_through_the_channels_that_were_chosen(fresh: Installation) -> None:
    """A kind goes through its channels, others through all; a removed channel silences nothing."""
    for name in ("pager", "board"):
        target = f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}"
        made = alert_channels.Channel(tenant=TENANT, name=name, kind="sns", target=target)
        alert_channels.add(fresh.store, made, by="test")
    admin, path = fresh.client("olga", "admin"), "/console/logs/routes"
    assert admin.post(path, data={"kind": "canary", "channel": "pager"}).status_code == 200
    assert alert_routes.channels_for(fresh.store, TENANT, "canary") == ["pager"]
    assert alert_routes.channels_for(fresh.store, TENANT, "scan") == ["board", "pager"]
    for wrong in ({"kind": "canary", "channel": "none"}, {"kind": "x", "channel": "pager"}):
        assert admin.post(path, data=wrong).status_code == 422
    assert fresh.client("olga").post(path, data={"kind": "canary"}).status_code == 403
    alert_channels.remove(fresh.store, TENANT, "pager", by="test")
    assert alert_routes.channels_for(fresh.store, TENANT, "canary") == ["board"]
    admin.post(path, data={"kind": "canary"})
    assert alert_routes.routes(fresh.store, TENANT) == {}
