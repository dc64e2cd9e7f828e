"""Prompts, canaries and logs: what is kept is shown, masked and as data; nobody sees too much."""

import re
from html import unescape
from typing import Any

import pytest
from tests.console import traffic
from tests.console.conftest import TENANT, Installation, Maker, _register

from affidavit.console import charts


def _words(answer: Any) -> str:
    """Return a page's text without its tags."""
    assert answer.status_code == 200, answer.text[:2000]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def _runs(made: Installation) -> list[str]:
    return [one.id for one in made.store.documents.every(TENANT, "prompt_run")]


def test_prompts_lists_suites_and_runs(filled: Installation) -> None:
    """Each kept run leads to its page, with how many cases passed; shipped suites are named."""
    page = filled.client("olga").get("/console/prompts")
    for run in _runs(filled):
        assert f"/console/prompts/{run}" in page.text
    words = _words(page)
    assert "18 / 18" in words
    assert "0 / 18" in words
    assert "known-answers" in words
    assert traffic.MODEL in words


def test_a_run_shows_cases_reasons_and_what_changed(filled: Installation) -> None:
    """Answers are masked, assertions have their reasons, and what broke since is named."""
    client, run = filled.client("olga"), _runs(filled)[-1]
    page = client.get(f"/console/prompts/{run}")
    words = _words(page)
    assert "maria.sample" not in page.text
    assert "Write to" in words
    assert "no-profanity" in words
    assert "profane words" in words
    assert "changed by -100.0 percentage points" in words
    assert "18 cases are compared" in words
    assert page.text.count('<details class="set"') == 18
    passed = client.get(f"/console/prompts/{run}?verdict=passed")
    assert "No case came out so" in passed.text
    assert client.get(f"/console/prompts/{run}?verdict=failed&from=17").text.count("<pre>") == 2


def test_unknown_runs_and_canaries_are_404(filled: Installation) -> None:
    """What the tenant does not have is not there."""
    client = filled.client("olga")
    nobody = f"{'0' * 8}-0000-0000-0000-{'0' * 12}"
    for path in (f"/prompts/{nobody}", "/prompts/x", "/canaries/none"):
        assert client.get(f"/console{path}").status_code == 404, path


def test_canaries_tell_missed_runs_and_rates(filled: Installation) -> None:
    """Missed times are counted, those further ones too; a rate that is not known is no point."""
    client = filled.client("olga")
    listed = client.get("/console/canaries")
    assert "5 of 8 runs were measured; the last rate is 60.0%, the lowest 60.0%" in listed.text
    assert re.search(r'<td class="num">4</td>', listed.text)
    words = _words(client.get(f"/console/canaries/{traffic.CANARY}"))
    assert words.count("? Missed") + words.count("! Missed") == 2
    assert "and 2 further times" in words
    assert "Access was <denied>." in words
    assert "12 / 20" in words
    assert "capital-of-peru" in words


def test_a_sparkline_never_bridges_what_was_not_measured() -> None:
    """A missed run splits the line and has its own mark."""
    svg = charts.sparkline([("a", 1.0), ("b", 0.5), ("c", None), ("d", 1.0)], "t", 0.9)
    assert svg.count("<polyline") == 2
    assert svg.count("not measured") == 1
    assert svg.count("fill-bad") == 1
    assert "0 of 0 runs" in charts.sparkline([], "t", 0.9)


def test_logs_show_counts_disclosures_and_alerts(filled: Installation) -> None:
    """The accounting adds up; disclosures are counted once, by type, model and principal."""
    page = filled.client("olga").get("/console/logs")
    row = re.search(r'<th scope="row">111122223333/us-east-1</th>.*?</tr>', page.text, re.DOTALL)
    assert row is not None
    numbers = re.findall(r"[0-9]+", unescape(re.sub(r"<[^>]+>", " ", row[0])))
    assert numbers[2:] == ["7", "4", "1", "2", "400", "8", "12", "4"]
    counts = dict(re.findall(r"<li><span>([^<]*)</span> <b>([0-9]+)</b>", page.text))
    assert counts == {
        "EMAIL": "2",
        "PHONE": "1",
        "vendor.model-&lt;b&gt;-v1": "3",
        **{f"arn:aws:iam::111122223333:role/app-{n}": "1" for n in range(3)},
    }
    words = _words(page)
    assert "Personal data disclosed <i>" in words
    assert "✕ Firing" in words
    assert "not sent" in words
    other = filled.client("olga").get("/console/logs?day=2026-10-01").text
    assert "lists none" in other


def test_logs_show_usage_by_model(filled: Installation) -> None:
    """Sums of the newest run's daily points, and what the log told of models and principals."""
    words = _words(filled.client("arthur").get("/console/logs"))
    row = "vendor.model-<b>-v1 111122223333, us-east-1 42 1,234 not known"
    assert row in words
    assert "from 2026-10-29 to 2026-10-30" in words
    of_log = "111122223333, us-east-1 40 3 (7.5 %) 1,200 90 1,010 ms"
    assert f"vendor.model-<b>-v1 {of_log}" in words
    assert f"arn:aws:sts::111122223333:assumed-role/<app> {of_log}" in words
    assert "not named 111122223333, us-east-1 4 0 (0.0 %) 1,200 90 not told" in words
    assert "us-east-1: 2 things in the log could not be read." in words
    assert "the log of 2026-10-30" in words


@pytest.mark.parametrize("path", ["/prompts", "/canaries", "/logs"])
def test_a_delegate_sees_none_of_them(filled: Installation, path: str) -> None:
    """They are about the whole tenant: not offered to a delegate, and refused."""
    client = filled.client("dora")
    assert client.get(f"/console{path}").status_code == 403
    assert f'href="/console{path}"' not in client.get("/console/delegations").text
    assert f'href="/console{path}"' in filled.client("arthur").get("/console/").text


def test_empty_pages_say_how_to_begin(make_installation: Maker) -> None:
    """Where there is nothing yet, the page says how to begin."""
    made = make_installation(filled=False)
    _register(made)
    client = made.client("olga")
    for path, words in (
        ("/prompts", "affidavit prompts run"),
        ("/canaries", "affidavit canary add"),
        ("/logs", "An administrator sets that up on this page"),
    ):
        assert words in client.get(f"/console{path}").text, path


def test_an_auditor_sees_only_runs_of_own_assessments(fresh: Installation) -> None:
    """Runs and canaries of an assessment that does not name the auditor stay hidden."""
    roles = [{"roleType": "PROCESS_OWNER", "roleArn": f"arn:aws:iam::{TENANT[:12]}:user/olga"}]
    scope = {"awsAccounts": [{"id": TENANT[:12]}]}
    fresh.ask(
        "owner", "UpdateAssessment", assessmentId=fresh.assessment.id, scope=scope, roles=roles
    )
    client, run = fresh.client("arthur"), _runs(fresh)[0]
    assert run not in client.get("/console/prompts").text
    assert client.get(f"/console/prompts/{run}").status_code == 403
    assert traffic.CANARY not in client.get("/console/canaries").text
    assert client.get(f"/console/canaries/{traffic.CANARY}").status_code == 404
    assert run in fresh.client("olga").get("/console/prompts").text
