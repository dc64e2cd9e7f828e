"""`--insecure-no-auth`: callers are believed, signed or not. For trying things out on loopback.

A browser may reach loopback too, so a request that a browser sent (Origin, Sec-Fetch-Site) is
refused: any page that somebody has open could otherwise drive the server.
"""

from http import HTTPStatus
from typing import Final

from affidavit.api.engine import Identify
from affidavit.api.errors import ApiError
from affidavit.api.protocol import RawRequest
from affidavit.api.signed_parts import read_parts
from affidavit.api.sigv4 import Credential, KeyLookup, by_name

ANONYMOUS: Final = Credential(
    access_key_id="",
    secret="",
    account_id="000000000000",
    principal_arn="arn:aws:iam::000000000000:root",
    role="admin",
)
"""Who a request without a known access key counts as."""
DEFAULT_REGION: Final = "us-east-1"


def anonymous(keys: KeyLookup) -> Identify:
    """Return the way to believe callers: a known access key and the Region of the scope count."""

    def identify(request: RawRequest) -> tuple[Credential, str]:
        headers = by_name(request.headers)
        if headers.get(b"origin") or headers.get(b"sec-fetch-site"):
            raise ApiError(
                "AccessDeniedException",
                "A server without authentication takes no requests from a browser.",
                HTTPStatus.FORBIDDEN,
            )
        if not headers.get(b"authorization") and b"X-Amz-" not in request.query:
            return ANONYMOUS, DEFAULT_REGION
        parts = read_parts(headers, request.query)
        return keys(parts.access_key_id) or ANONYMOUS, parts.scope[1]

    return identify
