"""The download centre: reports, exports and samples, with what became of them."""

from starlette.responses import Response

from affidavit.console.page import Page
from affidavit.console.views import act, attachment, view
from affidavit.operations import downloads, evidence_exports
from affidavit.operations.folder_ids import folder_id


def show(page: Page) -> Response:
    """Show everything that can be downloaded, or will be."""
    found = downloads.listed(page.context, page.caller)
    return page.show(
        "downloads/list.html", found=found, making=any(one.is_being_made for one in found)
    )


def show_one(page: Page) -> Response:
    """Show an export; of a sample, what was drawn as well."""
    one = evidence_exports.details(page.context, page.caller, page.identifier("export"))
    body = one.body
    return page.show(
        "downloads/export.html",
        id=one.id,
        one=body,
        making=body["status"] == "IN_PROGRESS",
        folder=folder_id,
    )


def download(page: Page) -> Response:
    """Send the ZIP."""
    found = evidence_exports.file_of(page.context, page.caller, page.identifier("export"))
    return attachment(*found, "application/zip")


def delete(page: Page) -> Response:
    """Delete an export."""
    evidence_exports.delete(page.context, page.caller, page.identifier("export"))
    return page.go("/downloads", "deleted")


VIEWS = (
    view("/downloads", show, "Download centre"),
    view("/downloads/{export}", show_one, "An export or a sample"),
    view("/downloads/{export}/file", download, ""),
    act("/downloads/{export}/delete", delete, show),
)
