"""Settings of the account: what Audit Manager's settings hold."""

from typing import Any

from starlette.responses import Response

from affidavit.console.page import Page
from affidavit.console.views import act, view
from affidavit.operations.owners import OWNER
from affidavit.operations.tenant_bindings import binding_of


def show(page: Page) -> Response:
    """Show the settings; only administrators may change them."""
    settings = page.ask("GetSettings", attribute="ALL")["settings"]
    tenant = page.caller.tenant
    binding = binding_of(page.context.store, tenant)
    return page.show(
        "settings/settings.html",
        settings=settings,
        binding=binding,
        bound_keys=binding.keys if binding else (),
        public_keys=page.context.store.public_keys(),
    )


def change(page: Page) -> Response:
    """Change what the form gives."""
    form = page.form
    members: dict[str, Any] = {
        "snsTopic": form.text("snsTopic") or "NONE",
        "kmsKey": form.text("kmsKey") or "DEFAULT",
        "evidenceFinderEnabled": form.text("finder") == "on",
        "deregistrationPolicy": {"deleteResources": form.text("deregistration") or "DEFAULT"},
        "defaultProcessOwners": [
            {"roleType": OWNER, "roleArn": arn} for arn in form.lines("owners")
        ],
    }
    for name, member in (
        ("reports", "defaultAssessmentReportsDestination"),
        ("exports", "defaultExportDestination"),
    ):
        if form.text(name):
            members[member] = {"destinationType": "S3", "destination": form.text(name)}
    page.ask("UpdateSettings", **members)
    return page.go("/settings", "saved")


VIEWS = (
    view("/settings", show, "Settings"),
    act("/settings", change, show),
)
