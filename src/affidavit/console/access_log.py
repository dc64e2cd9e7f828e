"""The console's access log: a line of JSON a page, without query, form or cookie."""

import json
import logging
import time
from typing import Final

from affidavit.console.page import Page

_access: Final = logging.getLogger("affidavit.api.access")
"""The API's own: one log for the server."""


def log_access(page: Page, status: int, seconds: float) -> None:
    """Write the line; a link of an invitation is not spelt out, for it is a secret."""
    if not _access.isEnabledFor(logging.INFO):
        return
    request, session = page.request, page.session
    path = request.url.path
    line = {
        "time": round(time.time(), 3),
        "requestId": page.request_id,
        "client": request.client.host if request.client else "",
        "method": request.method,
        "path": "/console/welcome/…" if path.startswith("/console/welcome/") else path,
        "user": session.user.name if session else "",
        "role": session.grant.role if session else "",
        "status": status,
        "ms": round(seconds * 1000, 3),
    }
    _access.info("%s", json.dumps(line))
