"""The console of a real server: the first user's link, and where it listens."""

import re
import urllib.error
import urllib.request
from typing import Any


def _get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=100) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_first_start_invites_the_first_user(home: Any) -> None:
    """The link stands on the terminal once there is nobody, is good, and is in no log line."""
    _, port = home.start()
    log = home.log(port)
    link = re.search(rf"http://127\.0\.0\.1:{port}(/console/welcome/\S+)", log)
    assert link is not None, log
    status, page = _get(port, link[1])
    assert status == 200
    assert "You are the first user" in page
    status, page = _get(port, "/console/")
    assert "Sign in" in page
    assert home.log(port).count(link[1].rpartition("/")[2]) == 1


def test_users_by_command(home: Any) -> None:
    """`user add` prints a link; with users there, `serve` invites nobody; `disable` says so."""
    arguments = ["--account", "111122223333", "--region", "us-east-1"]
    link = home.call("user", "add", "dora", *arguments, "--role", "delegate").strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:8080/console/welcome/\S{40,}", link)
    assert "dora  invited  no codes  delegate  111122223333/us-east-1" in home.call("user", "list")
    _, port = home.start()
    assert "Nobody can sign in" not in home.log(port)
    status, page = _get(port, link.partition(":8080")[2])
    assert status == 200
    assert "Choose a password, dora" in page
    again = home.call("user", "invite", "dora").strip()
    assert again != link
    assert _get(port, link.partition(":8080")[2])[0] == 404
    assert "disabled" in home.call("user", "disable", "dora")
    assert '"disabled": true' in home.call("user", "list", "--json")
