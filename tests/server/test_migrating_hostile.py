"""Moving over from an endpoint that lies: endless lists, answers of other shapes, bad texts."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from tests.server.conftest import ACCOUNT

from affidavit.cli import main
from affidavit.settings import Settings
from affidavit.store import open_store

TENANT = f"{ACCOUNT}/us-east-1"
LISTED = {"controlMetadataList": [{"id": "11111111-1111-4111-8111-111111111111"}]}
ARN = f"arn:aws:auditmanager:us-east-1:{ACCOUNT}:control/11111111-1111-4111-8111-111111111111"
MANUAL = {
    "sourceName": "By hand",
    "sourceType": "MANUAL",
    "sourceSetUpOption": "Procedural_Controls_Mapping",
    "sourceKeyword": {"keywordInputType": "UPLOAD_FILE"},
}
CONTROL = {"arn": ARN, "name": "Ours", "controlMappingSources": [MANUAL]}


class Liar:
    """An endpoint; tests say what it answers to a path, a text being sent as it is."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked = 0
        self.url = ""


@pytest.fixture
def liar(monkeypatch: pytest.MonkeyPatch) -> Iterator[Liar]:
    """Serve an endpoint on loopback that has nothing, unless told otherwise."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    found = Liar()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked += 1
            empty: dict[str, Any] = {"controlMetadataList": [], "frameworkMetadataList": []}
            path = urlsplit(self.path).path
            says = found.answers.get(path.rpartition("/11111111")[0] + "/ID", empty)
            says = found.answers.get(path, says)
            body = (says if isinstance(says, str) else json.dumps(says)).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def _import(liar: Liar, folder: Path) -> Any:
    given = ["--home", str(folder / "home"), "framework", "import", "--tenant", TENANT]
    environment = {"AFFIDAVIT_KEYS": str(folder / "keys")}
    return CliRunner().invoke(main, [*given, "--endpoint-url", liar.url], env=environment)


@pytest.mark.parametrize(
    "answers",
    [
        {"/controls": {"controlMetadataList": [], "nextToken": "again"}},
        {"/controls": {"controlMetadataList": "none"}},
        {"/controls": {"controlMetadataList": [7]}},
        {"/controls": {"controlMetadataList": [{"name": "no id"}]}},
        {"/controls": {}},
        {"/controls": "[" * 100_000},
        {"/controls": LISTED, "/controls/ID": {"control": {"name": "no arn"}}},
        {"/controls": LISTED, "/controls/ID": {"control": {**CONTROL, "name": ["x"]}}},
        {"/controls": LISTED, "/controls/ID": {"control": {**CONTROL, "tags": "x"}}},
        {
            "/assessmentFrameworks": {
                "frameworkMetadataList": [{"id": LISTED["controlMetadataList"][0]["id"]}]
            },
            "/assessmentFrameworks/ID": {"framework": {"arn": ARN, "name": "x"}},
        },
    ],
)
def test_answers_of_another_shape_are_not_read(
    liar: Liar, tmp_path: Path, answers: dict[str, Any]
) -> None:
    """A list without end, and members of other types: exit code 3 with the reason, no traceback."""
    liar.answers = answers
    done = _import(liar, tmp_path)
    assert done.exit_code == 3, done.output
    assert "Audit Manager was not read" in done.output
    assert liar.asked < 10


def test_texts_are_held_to_what_the_api_takes(liar: Liar, tmp_path: Path) -> None:
    """What no client could make by the API is not made by an import; no text drives a terminal."""
    liar.answers = {"/controls": LISTED}
    for wrong in (
        {"name": "x" * 301},
        {"name": "back\\slash"},
        {"name": "ok", "description": "d" * 100_000},
        {"name": "ok", "tags": {"a" * 200: "b"}},
        {"name": "ok", "controlMappingSources": []},
        {"name": "\x1b]0;owned\x07\\"},
    ):
        liar.answers["/controls/ID"] = {"control": {**CONTROL, **wrong}}
        done = _import(liar, tmp_path)
        assert done.exit_code == 1, (wrong, done.output)
        assert "not made" in done.output
        assert "\x1b" not in done.output
    liar.answers["/controls/ID"] = {"control": CONTROL}
    assert _import(liar, tmp_path).exit_code == 0
    with open_store(Settings(home=tmp_path / "home", keys=tmp_path / "keys")) as store:
        (made,) = store.documents.every(TENANT, "control")
        assert made.body["name"] == "Ours"
