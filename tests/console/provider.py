"""A dishonest OpenID provider: honest in all but what a test bids it to lie about."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "affidavit", "the-client-secret-of-some-length-0123456789"


class Provider:
    """What it says of itself and of whoever signs in; tests change it."""

    def __init__(self) -> None:
        self.issuer = ""
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.signs_with: Any = None
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "one"}
        self.claims: dict[str, Any] = {}
        self.discovery: dict[str, Any] = {}
        self.forms: list[Mapping[str, str]] = []
        self.userinfo: dict[str, Any] = {}
        self.token: dict[str, Any] | None = None
        """Instead of the right answer of the token endpoint."""

    def answer(self, path: str, form: Mapping[str, str]) -> Any:
        """Return what a path answers; a redirect as a text."""
        if path.startswith("/.well-known"):
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **self.discovery,
            }
        if path == "/keys":
            return {"keys": [self.key.as_dict(private=False)]}
        if path == "/me":
            return self.userinfo
        self.forms.append(form)
        if self.token is not None:
            return self.token
        return {"access_token": "a", "token_type": "Bearer", "id_token": self.id_token()}

    def id_token(self) -> str:
        """Return the ID token that the claims and the header make."""
        if self.header["alg"] == "none":
            import base64

            parts = [json.dumps(one).encode() for one in (self.header, self.claims)]
            return ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts) + "."
        key = self.signs_with or self.key
        return jwt.encode(self.header, self.claims, key, algorithms=[self.header["alg"]])


def shared_secret() -> OctKey:
    """Return the client's secret as a key: what must not be taken for a signature's."""
    return OctKey.import_key(SECRET)


@contextmanager
def serving() -> Iterator[Provider]:
    """Serve a provider on loopback."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(provider.answer(self.path, {}))

        def do_POST(self) -> None:
            size = int(self.headers["content-length"])
            sent = parse_qs(self.rfile.read(size).decode())
            form = {name: values[0] for name, values in sent.items()}
            self._say(provider.answer(self.path, {**form, "_auth": self._auth()}))

        def _auth(self) -> str:
            return self.headers.get("authorization", "")

        def _say(self, what: Any) -> None:
            body = json.dumps(what).encode()
            moved = isinstance(what, str)
            self.send_response(302 if moved else 200)
            if moved:
                self.send_header("location", what)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
