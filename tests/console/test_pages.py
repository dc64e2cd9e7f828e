"""Every page renders for every persona, as data and not as markup; who may not is told so."""

import re
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from tests.console import library, traffic

from affidavit.console.pages.all import VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

    Installation = object

TENANT = "111122223333/us-east-1"
ROLES = ("owner", "delegate", "auditor", "admin")
USERS = {"owner": "olga", "delegate": "dora", "auditor": "arthur", "admin": "olga"}
PAGES = sorted({one.path for one in VIEWS if one.name and not one.public})
MANAGED = {
    "/settings/channels",
    "/settings/keeping",
    "/settings/keys",
    "/settings/users",
    "/settings/users/{user}",
}
"""Pages of administrators only."""
DENIED: dict[str, set[str]] = {
    "delegate": {
        "/assessments/new",
        "/delegations/new",
        "/finder/report",
        "/controls",
        "/controls/new",
        "/controls/{control}/delete",
        "/controls/{control}/edit",
        "/controls/{control}/rules/{source}",
        "/controls/try",
        "/frameworks",
        "/frameworks/new",
        "/frameworks/{framework}/delete",
        "/frameworks/{framework}/edit",
        "/frameworks/{framework}/share",
        "/shares",
        "/reports",
        "/reports/verify",
        "/settings",
        "/prompts",
        "/prompts/{run}",
        "/prompts/{run}/case",
        "/prompts/suites/{suite}",
        "/prompts/new",
        "/prompts/suites/new",
        "/prompts/jobs/{job}",
        "/canaries/new",
        "/canaries",
        "/canaries/{canary}",
        "/logs",
    },
    "auditor": {
        "/assessments/new",
        "/canaries/new",
        "/prompts/new",
        "/prompts/suites/new",
        "/controls/new",
        "/controls/{control}/delete",
        "/controls/{control}/edit",
        "/controls/{control}/rules/{source}",
        "/controls/try",
        "/delegations/new",
        "/delegations/review",
        "/finder/report",
        "/frameworks/new",
        "/frameworks/{framework}/delete",
        "/frameworks/{framework}/edit",
        "/frameworks/{framework}/share",
    },
    "admin": {
        "/assessments/new",
        "/canaries/new",
        "/prompts/new",
        "/prompts/suites/new",
        "/controls/new",
        "/controls/{control}/delete",
        "/controls/{control}/edit",
        "/controls/{control}/rules/{source}",
        "/controls/try",
        "/delegations/new",
        "/delegations/review",
        "/finder/report",
        "/frameworks/new",
        "/frameworks/{framework}/delete",
        "/frameworks/{framework}/edit",
        "/frameworks/{framework}/share",
    },
    "owner": set(),
}
for _role in ("owner", "delegate", "auditor"):
    DENIED[_role] |= MANAGED
"""Pages that a persona cannot use at all; the forms of others are only not offered."""


class _Titles(HTMLParser):
    """The page's headings and whether its tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings = 0

    def handle_starttag(self, tag: str, _: object) -> None:
        """Note an opened tag."""
        self.headings += tag == "h1"
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the tag that was opened last: no other may be."""
        assert self.open.pop() == tag


_VOID = {"input", "meta", "link", "br", "wbr", "img", "hr"}
_SVG = re.compile(r"<(?:rect|circle|line|path)[^>]*/>")


def addresses(installation: "Installation", path: str, client: "TestClient") -> str:
    """Return a page's address with the installation's own ids in it."""
    assessment = installation.assessment.id  # type: ignore[attr-defined] # of the fixture
    if path.startswith(("/prompts", "/canaries")):
        kept = installation.store.documents.every(TENANT, "prompt_run")  # type: ignore[attr-defined]
        found = {
            "suite": "refusal",
            "run": kept[-1].id,
            "canary": traffic.CANARY,
            "job": traffic.job(installation),
        }
        case = f"?case={quote(kept[-1].body['cases'][0]['case'])}" if "case" in path else ""
        return path.format(**found) + case
    if path == "/downloads/{export}":
        return _export(installation, client)
    if path.startswith(("/frameworks/", "/controls/{control}/", "/settings/")):
        return _managed(installation, path)
    if "{" not in path:
        return path + {"/delegations/new": f"?assessment={assessment}&set=Privacy"}.get(
            path, f"?assessment={assessment}&set=Privacy" if path.endswith("review") else ""
        )
    control = _first(client, f"/assessments/{assessment}?set=Privacy", r"/controls/([0-9a-f-]{36})")
    found = {"assessment": assessment, "control": control}
    if "folder" in path:
        page = f"/assessments/{assessment}/controls/{control}"
        found["folder"] = _first(client, page, r"/folders/([0-9a-f-]{36})")
    if "item" in path:
        page = f"/assessments/{assessment}/folders/{found['folder']}"
        found["item"] = _first(client, page, r"/evidence/([0-9a-f-]{36})")
    return path.format(**found)


def _managed(installation: "Installation", path: str) -> str:
    """Return the address of a page of the library that changes it, or of a user."""
    shipped = installation.context.catalogue.framework.uuid  # type: ignore[attr-defined]
    own = library.custom(installation, "framework")
    return path.format(
        framework=shipped if path.endswith("}") else own,
        control=library.custom(installation, "control"),
        source=library.source(installation),
        user="dora",
    )


def _export(installation: "Installation", client: "TestClient") -> str:
    """Return the address of a sample of the client's own, which is drawn."""
    form = {"do": "sample", "name": "sample", "format": "csv", "count": "3"}
    answer = client.post("/console/finder/export?f=control+%3D+GENAI-PRIV-01", data=form)
    installation.work()  # type: ignore[attr-defined] # of the fixture
    return str(answer.url.path).removeprefix("/console")


def _first(client: "TestClient", path: str, pattern: str) -> str:
    text = client.get(f"/console{path}").text
    match = re.search(pattern, text)
    assert match is not None, (path, text[:2000])
    return match[1]


@pytest.mark.parametrize("role", ROLES)
def test_every_page_renders(filled: "Installation", role: str) -> None:
    """Each page has one heading, closed tags, our headers, and no markup of anybody's data."""
    client = filled.client(USERS[role], role)  # type: ignore[attr-defined]
    told = set()
    for path in PAGES:
        if path == "/" and role == "delegate":
            continue
        answer = client.get(f"/console{addresses(filled, path, client)}")
        if answer.status_code == 403:
            told.add(path)
            continue
        assert answer.status_code == 200, (path, answer.text[:3000])
        assert "<script>alert" not in answer.text
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        parser = _Titles()
        parser.feed(_SVG.sub("", answer.text))
        assert parser.headings == 1, path
        assert parser.open == [], path
        assert not re.search(r'\sstyle="|\son[a-z]+="', answer.text), path
    assert told == DENIED[role]


def test_a_delegate_sees_only_what_is_delegated(filled: "Installation") -> None:
    """Control sets, evidence and search of others stay hidden from a delegate."""
    client = filled.client("dora")  # type: ignore[attr-defined]
    assessment = filled.assessment.id  # type: ignore[attr-defined]
    page = client.get(f"/console/assessments/{assessment}").text
    assert "Privacy" in page
    assert "Accuracy" not in page
    groups = client.get("/console/finder?group=control.set").text
    assert ">PRIV<" in groups
    assert ">ACCU<" not in groups
    sneaky = client.get("/console/finder?f=control.set+%3D+ACCU").text
    assert "Nothing was found" in sneaky
    assert client.get("/console/").history[0].headers["location"] == "/console/delegations"


def test_search_finds_everything_that_has_a_name(fresh: "Installation") -> None:
    """Each kind is found with an address that opens; what others saved is not."""
    client = fresh.client("olga")  # type: ignore[attr-defined]
    client.post("/console/finder/searches?f=control+%3D+X", data={"name": "my guardrail gaps"})
    fresh.client("arthur").post("/console/finder/searches", data={"name": "his guardrail list"})  # type: ignore[attr-defined]
    given = {"do": "all", "name": "guardrail-export", "format": "csv"}
    client.post("/console/finder/export", data=given)
    for words, kinds in (
        ("guardrail", ("Control of an assessment", "Saved search", "Export or sample")),
        (traffic.CANARY, ("Canary",)),
        ("known-answers", ("Suite of prompts",)),
        ("Assistants", ("Assessment",)),
    ):
        page = client.get("/console/search", params={"q": words}).text
        assert "his guardrail list" not in page
        for kind in kinds:
            match = re.search(rf'<a href="([^"]+)">[^<]*</a></th><td>{kind}</td>', page)
            assert match is not None, (words, kind)
            assert client.get(unescape(match[1])).status_code == 200, match[1]
    hidden = fresh.client("dora").get("/console/search", params={"q": traffic.CANARY}).text  # type: ignore[attr-defined]
    assert ">Canary</td>" not in hidden


def test_unknown_ids_and_pages_are_404(filled: "Installation") -> None:
    """What is not there is said to be not there, whatever its form."""
    client = filled.client("olga")  # type: ignore[attr-defined]
    for path in (
        "/nothing",
        "/assessments/nothing",
        f"/assessments/{'0' * 8}-0000-0000-0000-{'0' * 12}",
    ):
        answer = client.get(f"/console{path}")
        assert answer.status_code == 404, path
        assert "content-security-policy" in answer.headers


def test_wrong_days_and_queries_are_said(filled: "Installation") -> None:
    """A day that is none, a query that cannot be parsed, a cursor of somebody's: 422 and why."""
    client = filled.client("olga")  # type: ignore[attr-defined]
    for path in (
        "/?day=yesterday",
        "/finder?f=nonsense+%3D",
        "/finder?after=zzz",
        "/finder?group=xyz",
    ):
        answer = client.get(f"/console{path}")
        assert answer.status_code == 422, path
        assert 'role="alert"' in answer.text


def test_finder_tokens_live_in_the_address(filled: "Installation") -> None:
    """A new filter becomes a token of the address; its CSV has the same rows."""
    client = filled.client("arthur")  # type: ignore[attr-defined]
    answer = client.get(
        "/console/finder?field=compliance&operator=%3D&value=NON_COMPLIANT", follow_redirects=False
    )
    address = answer.headers["location"]
    assert address == "/console/finder?f=compliance+%3D+NON_COMPLIANT"
    assert "✕</span> Non-compliant" in client.get(address).text
    table = client.get(address.replace("/finder?", "/finder/evidence.csv?"))
    assert table.headers["content-disposition"].startswith("attachment")
    assert len(table.text.strip().splitlines()) == 1 + 2 * 52


def test_the_finder_finds_manual_evidence(fresh: "Installation") -> None:
    """What a person added is a row that leads to its own page, for whoever may see its control."""
    olga = fresh.client("olga")  # type: ignore[attr-defined]
    assessment = fresh.assessment.id  # type: ignore[attr-defined]
    control = _first(olga, f"/assessments/{assessment}?set=Accuracy", _IN_ACCURACY)
    path = f"/console/assessments/{assessment}/controls/{control}"
    olga.post(f"{path}/evidence", data={"set": "Accuracy", "text": "The <board> met."})
    page = olga.get("/console/finder?f=origin+%3D+manual").text
    assert page.count("Manual evidence</span>") == 1
    assert "The &lt;board&gt; met." in page
    item = re.search(r'href="(/console/assessments/[^"]+/evidence/[^"]+)"', page)
    assert item is not None
    assert "The &lt;board&gt; met." in olga.get(item[1]).text
    assert "The &lt;board&gt; met." not in olga.get("/console/finder?f=origin+%3D+direct").text
    assert "The <board> met." in olga.get("/console/finder/evidence.csv").text
    assert ">1</td>" in olga.get("/console/finder?f=origin+%3D+manual&group=control").text
    hidden = fresh.client("dora").get("/console/finder?f=origin+%3D+manual").text  # type: ignore[attr-defined]
    assert "board" not in hidden


_IN_ACCURACY = r"/controls/([0-9a-f-]{36})\?set=Accuracy"


def test_pages_of_the_finder_follow_one_another(filled: "Installation") -> None:
    """Walking by key shows every row once."""
    client = filled.client("olga")  # type: ignore[attr-defined]
    seen: list[str] = []
    address = "/console/finder?sort=time"
    while address:
        text = client.get(address).text
        seen += re.findall(r"/evidence/([0-9a-f-]{36})", text)
        following = re.search(r'href="([^"]+)">Next page', text)
        address = following[1].replace("&amp;", "&") if following else ""
    assert len(seen) == len(set(seen)) == 2 * 3 * 52


def test_a_proof_is_recomputed(filled: "Installation") -> None:
    """Verify recomputes the leaf and walks to the signed root."""
    client = filled.client("arthur")  # type: ignore[attr-defined]
    path = addresses(filled, "/assessments/{assessment}/folders/{folder}/evidence/{item}", client)
    text = client.get(f"/console{path}?verify=1").text
    assert text.count('class="flash good"') == 2
    assert "the signature of that checkpoint holds" in text


def _views() -> "Iterator[str]":
    for one in VIEWS:
        if one.method == "POST":
            yield one.path


def test_every_form_goes_back_to_a_page() -> None:
    """What a form is sent to shows the form again when it is refused, but for signing out.

    A provider's logout tokens come by no form.
    """
    lost = {one.path for one in VIEWS if one.method == "POST" and one.back is None}
    assert lost == {"/sign-out", "/sign-in/openid/logout"}
    assert len(list(_views())) > 20
