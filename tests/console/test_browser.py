"""The console in a real browser: looks, rules of accessibility, keyboard, without JavaScript.

Chromium is Debian's, Playwright and axe come from `requirements/browser.txt` (`make test-browser`).
A console error fails a test, so that the strict Content-Security-Policy is an assertion.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.console import library
from tests.console.addresses import EVERY, MANAGED, QUICK, SIGNED_OUT
from tests.console.served import serving

from affidavit.console import assets

playwright = pytest.importorskip(
    "playwright.sync_api", reason="NOT RUN: no browser tier (make test-browser installs it)"
)
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

CHROMIUM = os.environ.get("AFFIDAVIT_CHROMIUM") or shutil.which("chromium") or ""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "correct horse battery"
pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="NOT RUN: no chromium (apt-get install chromium)"),
    pytest.mark.enable_socket,
    pytest.mark.timeout(1500),  # a busy machine; nothing here waits for long by itself
]
BROWSER_TIMEOUT = 300_000
HTMX = Path(assets.__file__).parent / "static" / assets.HTMX
"""Missing where there is no npm: then pages work as plain links."""


@pytest.fixture(scope="module")
def site(filled: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Give the address of a console that is only read, and the ids in its addresses."""
    from affidavit.operations import users

    framework = filled.context.catalogue.framework
    control = next(one for one in framework.control_sets if one.name == "Privacy").controls[0]
    assessment = filled.assessment.id
    folders = filled.ask(
        "owner",
        "GetEvidenceFoldersByAssessmentControl",
        assessmentId=assessment,
        controlSetId="Privacy",
        controlId=control.uuid,
    )["evidenceFolders"]
    items = filled.ask(
        "owner",
        "GetEvidenceByEvidenceFolder",
        assessmentId=assessment,
        controlSetId="Privacy",
        evidenceFolderId=folders[0]["id"],
    )["evidence"]
    tenant = filled.assessment.tenant
    run = filled.store.documents.every(tenant, "prompt_run")[-1]
    ids = {
        "assessment": assessment,
        "control": control.uuid,
        "framework": framework.uuid,
        "folder": folders[0]["id"],
        "item": items[0]["id"],
        "own_control": library.custom(filled, "control"),
        "own_source": library.source(filled),
        "own_framework": library.custom(filled, "framework"),
        "token": "x",
        "export": exported(filled),
        "run": run.id,
        "case": quote(run.body["cases"][0]["case"]),
        "job": filled.store.documents.every(tenant, "prompt_job")[0].id,
    }
    grants = [
        users.grant(
            "111122223333", "us-east-1", "auditor", users.principal_of("111122223333", "invited")
        )
    ]
    users.add(filled.store, "invited", grants, by="test", now=filled.time)
    ids["token"] = users.invite(filled.store, "invited", filled.time)
    with serving(filled) as base:
        yield base, ids


def exported(filled: Any) -> str:
    """Return the id of a sample that olga drew."""
    form = {"do": "sample", "name": "sample", "format": "csv", "count": "3"}
    answer = filled.client("olga").post("/console/finder/export", data=form)
    filled.work()
    return str(answer.url.path).rpartition("/")[2]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Give the browser."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def page_of(browser: Any, base: str, user: str = "", **options: Any) -> Iterator[Any]:
    """Give a page, signed in where a user is named; anything in the browser's console fails."""
    context = browser.new_context(**options)
    context.set_default_timeout(BROWSER_TIMEOUT)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text) if one.type in ("error", "warning") else 0)
    page.on("pageerror", lambda one: said.append(str(one)))
    if user:
        sign_in(page, base, user)
    yield page
    context.close()
    assert [one for one in said if "status of 4" not in one] == []


def sign_in(page: Any, base: str, user: str) -> None:
    """Sign in as a user would."""
    page.goto(f"{base}/sign-in")
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/console/(?!sign-in)"))


def wrong_with(page: Any, address: str, *, script: bool = True) -> list[str]:
    """Return what is wrong with a page: rules of WCAG 2.2 A and AA, too wide, no title.

    axe is a script itself, so without any the page is only read.
    """
    page.goto(address)
    told = [] if page.title().endswith(" Affidavit") else [f"{address}: title {page.title()}"]
    if not script:
        heading = page.get_by_role("heading", level=1).count()
        return told if heading == 1 else [*told, f"{address}: {heading} main headings"]
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    if wide > 0:
        told.append(f"{address}: {wide} pixels too wide")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = axe.Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    for one in found.response["violations"]:
        node = one["nodes"][0]
        told.append(f"{address}: {one['id']} {node['target']} {node['failureSummary']}")
    return told


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_main_pages_hold(chromium: Any, site: Any, theme: str) -> None:
    """Dashboard, assessment and finder: no violation, no console error, wide and narrow."""
    base, ids = site
    with page_of(chromium, base, "olga", color_scheme=theme) as page:
        told = [one for path in QUICK for one in wrong_with(page, f"{base}{path.format(**ids)}")]
        page.set_viewport_size({"width": 360, "height": 740})
        assert [*told, *wrong_with(page, f"{base}/")] == []


@pytest.mark.slow
@pytest.mark.parametrize("script", [True, False], ids=["js", "nojs"])
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_holds(chromium: Any, site: Any, theme: str, width: int, script: bool) -> None:
    """Every page, light and dark, narrow and wide, with JavaScript and without."""
    base, ids = site
    options: dict[str, Any] = {"color_scheme": theme, "viewport": {"width": width, "height": 900}}
    options["java_script_enabled"] = script
    told: list[str] = []
    for user, paths in (("", SIGNED_OUT), ("olga", EVERY)):
        with page_of(chromium, base, user, **options) as page:
            for path in paths:
                told += wrong_with(page, f"{base}{path.format(**ids)}", script=script)
    with page_of(chromium, base, "olga", **options) as page:
        page.goto(f"{base}/account")
        page.get_by_role("button", name="Act as Administrator").click()
        page.wait_for_url("**/console/")
        for path in MANAGED:
            told += wrong_with(page, f"{base}{path}", script=script)
    assert told == []


def test_the_keyboard_is_enough(chromium: Any, site: Any) -> None:
    """The first Tab skips to the page; `/` goes to the search; Enter opens what was found."""
    base, _ = site
    with page_of(chromium, base, "olga") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "search"
        page.keyboard.type("personal data")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search?q=personal+data")
        first = page.locator("main tbody a").first
        first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/console/assessments/.+/controls/"))


def test_addresses_back_and_reload(chromium: Any, site: Any) -> None:
    """A filter is in the address: Back, reload and a colleague's browser show the same rows."""
    base, _ = site
    with page_of(chromium, base, "olga") as page:
        page.goto(f"{base}/finder")
        page.get_by_label("Property").select_option("compliance")
        page.get_by_label("Value").fill("NON_COMPLIANT")
        page.get_by_role("button", name="Add the filter").click()
        page.wait_for_url("**/finder?f=compliance+%3D+NON_COMPLIANT")
        address, rows = page.url, page.locator("#found tbody").inner_text()
        page.get_by_role("link", name="Remove the filter").click()
        page.wait_for_url("**/finder")
        page.go_back()
        assert page.url == address
        page.reload()
        assert page.locator("#found tbody").inner_text() == rows
    with page_of(chromium, base, "arthur") as page:
        page.goto(address)
        assert page.locator("#found tbody").inner_text() == rows


def test_verify_recomputes_in_place(chromium: Any, site: Any) -> None:
    """The button recomputes the proof without leaving the page; without JavaScript as a page."""
    base, ids = site
    path = "/assessments/{assessment}/folders/{folder}/evidence/{item}".format(**ids)
    for script in (True, False) if HTMX.exists() else (False,):
        with page_of(chromium, base, "arthur", java_script_enabled=script) as page:
            page.goto(f"{base}{path}")
            page.get_by_role("link", name="Verify", exact=True).click()
            page.get_by_text("the signature of that checkpoint holds").wait_for()
            assert ("verify" in page.url) is not script


def test_a_file_may_be_dropped_on_its_form(chromium: Any, site: Any) -> None:
    """Manual evidence and a report to verify are taken where they are dropped on the form."""
    base, ids = site
    path = "/assessments/{assessment}/controls/{control}?set=Privacy".format(**ids)
    for address, field in ((path, "File"), ("/reports/verify", "Report (ZIP)")):
        with page_of(chromium, base, "olga") as page:
            page.goto(f"{base}{address}")
            carried = page.evaluate_handle(
                "() => { const t = new DataTransfer();"
                " t.items.add(new File(['minutes'], 'minutes.txt')); return t; }"
            )
            form = page.locator("form", has=page.get_by_label(field, exact=True))
            form.dispatch_event("dragover", {"dataTransfer": carried})
            assert "dropping" in str(page.get_by_label(field, exact=True).get_attribute("class"))
            form.dispatch_event("drop", {"dataTransfer": carried})
            names = page.get_by_label(field, exact=True).evaluate(
                "x => [...x.files].map(f => f.name)"
            )
            assert names == ["minutes.txt"]


@pytest.mark.slow
def test_the_life_of_an_assessment(chromium: Any, collected: Any, small_file: Any) -> None:
    """Owner and delegate click through it: delegate, comment, upload, submit, review, report."""
    with serving(collected) as base:
        with page_of(chromium, base, "olga") as olga:
            _hand_over(olga, base)
        with page_of(chromium, base, "dora") as dora:
            _review(dora, small_file)
        with page_of(chromium, base, "olga") as olga:
            _complete(olga)
            _report(olga, collected)


def _hand_over(olga: Any, base: str) -> None:
    olga.goto(f"{base}/assessments")
    olga.get_by_role("link", name="Assistants").click()
    olga.get_by_role("link", name="Controls", exact=True).wait_for()
    olga.locator("summary", has_text="Fair").click()
    olga.get_by_role("link", name="Delegate Fair").click()
    olga.get_by_label("Delegate").fill("arn:aws:iam::111122223333:user/dora")
    olga.get_by_label("What you ask for").fill("Please look at these.")
    olga.get_by_role("button", name="Delegate").click()
    olga.get_by_text("The control set was delegated").wait_for()


def _review(dora: Any, small_file: Any) -> None:
    dora.get_by_role("link", name="Fair", exact=True).click()
    dora.locator("details[open] tbody a").first.click()
    dora.get_by_label("Comment").fill("I have read the evidence.")
    dora.get_by_role("button", name="Add the comment").click()
    dora.get_by_text("The comment was added").wait_for()
    dora.get_by_label("File", exact=True).set_input_files(small_file)
    dora.get_by_role("button", name="Add the evidence").click()
    dora.get_by_text("1 item was added so far").wait_for()
    dora.get_by_label("Status").select_option("REVIEWED")
    dora.get_by_role("button", name="Change the status").click()
    dora.get_by_text("Reviewed is final").wait_for()
    dora.get_by_role("link", name="Delegations").click()
    dora.get_by_role("link", name="Submit Fair").click()
    dora.get_by_label("Comment").fill("Done.")
    dora.get_by_role("button", name="Submit to the audit owners").click()
    dora.get_by_text("was submitted to the audit owners").wait_for()


def _complete(olga: Any) -> None:
    olga.get_by_role("link", name="Notifications").click()
    olga.get_by_text("submitted the control set Fair").wait_for()
    olga.get_by_role("link", name="Delegations").click()
    olga.get_by_role("link", name="Complete the review Fair").click()
    olga.get_by_label("Comment").fill("Thank you.")
    olga.get_by_role("button", name="Complete the review").click()
    olga.get_by_text("The control set is reviewed").wait_for()


def _report(olga: Any, collected: Any) -> None:
    olga.get_by_role("link", name="Report selection").click()
    olga.get_by_role("button", name="Add the day's evidence").click()
    olga.get_by_label("Name of the report").fill("October")
    olga.get_by_role("button", name="Build the report").click()
    olga.get_by_text("In progress").wait_for()
    collected.work()
    with olga.expect_download() as download:
        olga.get_by_role("link", name="October.zip").click()
    path = download.value.path()
    olga.get_by_role("link", name="Verify a report").click()
    olga.get_by_label("Report (ZIP)").set_input_files(path)
    olga.get_by_role("button", name="Verify").click()
    olga.get_by_text("Verified:").wait_for()


@pytest.mark.slow
def test_the_first_load_is_small(chromium: Any, site: Any) -> None:
    """The dashboard with style sheet and scripts is at most 100 kB on the wire, without fonts."""
    base, _ = site
    with page_of(chromium, base, "olga") as page:
        sizes: list[int] = []

        def count(one: Any) -> None:
            if not one.url.split("?")[0].endswith(".woff2"):
                found = one.sizes()
                sizes.append(found["responseBodySize"] + found["responseHeadersSize"])

        page.on("requestfinished", count)
        page.goto(f"{base}/", wait_until="networkidle")
        assert 0 < sum(sizes) <= 100_000, sizes


@pytest.mark.slow
def test_a_file_that_is_too_large_is_refused(chromium: Any, site: Any, tmp_path: Any) -> None:
    """With JavaScript before it is sent, without it by a page that says how large one may be."""
    base, ids = site
    path = "/assessments/{assessment}/controls/{control}?set=Privacy".format(**ids)
    large = tmp_path / "large.txt"
    with large.open("xb") as file:
        file.truncate(130 * 1024 * 1024)
    for script in (True, False):
        with page_of(chromium, base, "olga", java_script_enabled=script) as page:
            page.goto(f"{base}{path}")
            field = page.get_by_label("File", exact=True)
            field.set_input_files(large)
            page.get_by_role("button", name="Add the evidence").click()
            if script:
                said = field.evaluate("field => field.validationMessage")
                assert said == "The file is larger than 100 MB."
            else:
                page.get_by_text("at most 100 MB can be sent here").wait_for()
