"""`make screenshots`: pictures of the console on the simulated estate, for the docs.

Collects the estate into a folder of its own, serves the console on loopback and photographs some
pages by Chromium, light and dark; the PNGs are made small by their palette where `pngquant` is.
"""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from playwright.sync_api import sync_playwright
from tests.free_ports import free_port

from affidavit import demo
from affidavit.aws.settings import AwsSettings
from affidavit.finder.engine import Finder
from affidavit.model.times import utc_now
from affidavit.operations import runs, tasks, users
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.dispatch import Dispatcher
from affidavit.server import Background, ServeOptions, make_app, make_context
from affidavit.settings import Settings
from affidavit.store import open_store

GALLERY = Path(__file__).parent.parent / "docs" / "images" / "console"
ACCOUNT, REGION = "111122223333", "us-east-1"
PASSWORD = "correct horse battery"  # noqa: S105 - of a store that is thrown away
_ADDRESSES = {
    "finder": "/finder?f=compliance+%3D+NON_COMPLIANT&f=control+%7E+GENAI-SECU-%2A",
    "cost": "/prompts/new?suite=pii-masking&model=amazon.nova-pro-v1:0"
    "&priceInput=0.8&priceOutput=3.2&budgetTokens=20000",
    "logs": "/logs",
    "canary": "/canaries/new?name=nightly&every=1d&leastRate=95&suite=known-answers"
    "&model=amazon.nova-pro-v1:0&priceInput=0.8&priceOutput=3.2",
    "sharing": "/shares?side=SENT",
    "downloads": "/downloads",
    "users": "/settings/users",
    "keeping": "/settings/keeping",
}
"""Pages that are only opened; of others something is done before."""
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    """Make the pictures."""
    with TemporaryDirectory(prefix="affidavit-pictures-") as folder:
        settings = Settings(home=Path(folder) / "home", keys=Path(folder) / "keys")
        assessment = _collect(settings)
        with _served(settings) as (base, context):
            _photograph(base, assessment, context)


def _collect(settings: Settings) -> str:
    with demo.start() as estate:
        aws = AwsSettings(
            access_key=estate.access_key,
            secret_key=estate.secret_key,
            endpoint_url=estate.endpoint_url,
            region=estate.regions[0],
            role_name=estate.role_name,
            external_id=estate.external_id,
            requests_per_second=1000,
            lookups_per_second=1000,
        )
        request = runs.RunRequest(
            aws=aws,
            name="Northwind Assistants",
            accounts=estate.accounts,
            parameters=estate.parameters,
            parameters_why="of the simulated estate",
        )
        return runs.run(request, settings).assessment.id


@contextmanager
def _served(settings: Settings) -> Iterator[tuple[str, Context]]:
    port = free_port()
    with open_store(settings) as store, Finder(store) as finder:
        context = make_context(store, settings, ServeOptions(port=port))
        arn = users.principal_of(ACCOUNT, "olga")
        grants = [users.grant(ACCOUNT, REGION, role, arn) for role in users.FIRST_GRANTS]
        users.add(store, "olga", grants, by="bench", now=utc_now(), password=PASSWORD)
        admin = Caller(
            account_id=ACCOUNT, region=REGION, principal_arn=arn, role="admin", request_id="bench"
        )
        Dispatcher(context)("RegisterAccount", admin, {})
        app = make_app(Background(context), ServeOptions(port=port), finder)
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/console", context
        server.should_exit = True
        thread.join()


def _photograph(base: str, assessment: str, context: Context) -> None:
    GALLERY.mkdir(parents=True, exist_ok=True)
    library = _library(context)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for theme, names in (
            (
                "light",
                (
                    *("dashboard", "assessment", "control", "evidence", "sample", "cost"),
                    *("editor", "trial", "downloads", "canary", "users"),
                ),
            ),
            ("dark", ("finder", "logs", "sharing", "keeping")),
        ):
            opened = browser.new_context(
                color_scheme="dark" if theme == "dark" else "light",
                viewport={"width": 1280, "height": 860},
            )
            page = opened.new_page()
            _sign_in(page, base)
            for name in names:
                if name in ("users", "keeping"):
                    _act_as_administrator(page, base)
                if name in _ADDRESSES:
                    page.goto(f"{base}{_ADDRESSES[name]}")
                elif name == "sample":
                    _sample(page, base, context)
                elif name == "trial":
                    _try_a_rule(page, base)
                elif name == "editor":
                    page.goto(f"{base}/frameworks/{library}/edit")
                else:
                    _open(page, base, assessment, name)
                page.screenshot(path=GALLERY / f"{name}.png")
                _smaller(GALLERY / f"{name}.png")
            opened.close()
        browser.close()


def _library(context: Context) -> str:
    """Make a custom control and a framework of it, offer that to another account, invite users."""
    arn = users.principal_of(ACCOUNT, "olga")
    owner = Caller(
        account_id=ACCOUNT, region=REGION, principal_arn=arn, role="owner", request_id="bench"
    )
    ask = Dispatcher(context)
    keyword = {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": "cloudtrail_DescribeTrails"}
    source = {"sourceName": "Trails", "sourceType": "AWS_API_Call", "sourceKeyword": keyword}
    control = ask(
        "CreateControl",
        owner,
        {"name": "Trails are delivered to our archive", "controlMappingSources": [source]},
    )["control"]
    shipped = context.catalogue.framework.control_sets[0].controls[:4]
    sets = [
        {"name": "Trust", "controls": [{"id": one.uuid} for one in shipped]},
        {"name": "Our own", "controls": [{"id": control["id"]}]},
    ]
    made = {"name": "Northwind AI baseline", "complianceType": "Internal", "controlSets": sets}
    framework = str(ask("CreateAssessmentFramework", owner, made)["framework"]["id"])
    for region in ("eu-central-1", "us-west-2"):
        offer = {"destinationAccount": "444455556666", "destinationRegion": region}
        offer |= {"frameworkId": framework, "comment": "For the subsidiaries, please."}
        ask("StartAssessmentFrameworkShare", owner, offer)
    for name, role in (("arthur", "auditor"), ("dora", "delegate")):
        given = [users.grant(ACCOUNT, REGION, role, users.principal_of(ACCOUNT, name))]
        users.add(context.store, name, given, by="bench", now=utc_now(), password=PASSWORD)
    return framework


def _act_as_administrator(page: Any, base: str) -> None:
    page.goto(f"{base}/account")
    button = page.get_by_role("button", name="Act as Administrator")
    if button.count():
        button.click()
        page.wait_for_url("**/console/")


def _sign_in(page: Any, base: str) -> None:
    page.goto(f"{base}/sign-in")
    page.get_by_label("User name").fill("olga")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Dashboard").wait_for()


def _sample(page: Any, base: str, context: Context) -> None:
    """Draw a sample as an auditor would, and let the worker do its work."""
    page.goto(f"{base}/finder/export?f=compliance+%3D+NON_COMPLIANT")
    page.get_by_label("Seed").fill("audit-2026-Q4")
    page.get_by_role("button", name="Draw the sample").click()
    page.get_by_text("In progress").wait_for()
    while tasks.run_one(context):
        pass
    page.goto(page.url.partition("?")[0])


def _try_a_rule(page: Any, base: str) -> None:
    """Try a check's rule on what the estate answered."""
    page.goto(f"{base}/controls/try?check=no-broad-managed")
    page.get_by_role("button", name="Try the rule").click()
    page.locator("#result").wait_for()


def _open(page: Any, base: str, assessment: str, name: str) -> None:
    """Go to a page as a user would."""
    if name == "dashboard":
        page.goto(f"{base}/")
    else:
        page.goto(f"{base}/assessments/{assessment}?set=Secure")
        if name == "assessment":
            page.locator("summary", has_text="Secure").scroll_into_view_if_needed()
            return
        page.locator("details[open] tbody a").nth(6).click()
        if name == "evidence":
            page.locator("#folders tbody a").first.click()
            page.locator("tr", has_text="Non-compliant").locator("a").first.click()
            page.get_by_role("link", name="Verify", exact=True).click()
            page.get_by_text("signature of that checkpoint").wait_for()
            page.locator("#ledger").scroll_into_view_if_needed()


def _smaller(path: Path) -> None:
    tool = shutil.which("pngquant")
    if tool is None:
        print("pngquant is missing: the pictures stay larger", file=sys.stderr)
        return
    subprocess.run([tool, "--force", "--ext", ".png", "--strip", "64", str(path)], check=True)


if __name__ == "__main__":
    main()
