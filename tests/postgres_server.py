"""A throw-away PostgreSQL cluster on a socket, for tests and benches."""

import os
import pwd
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def throw_away(*, durable: bool = False) -> Iterator[str | None]:
    """Yield the URL of a new server, or None where its programs are not installed.

    `durable`: with fsync, as a peer in a benchmark must have it.
    """
    initdb, pg_ctl = _binary("initdb"), _binary("pg_ctl")
    if initdb is None or pg_ctl is None:
        yield None
        return
    folder = Path("/tmp") / f"affidavit-pg-{uuid.uuid4().hex[:12]}"
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
    data = str(folder / "data")
    try:
        _as_server([initdb, "-D", data, "-A", "trust", "-U", "affidavit", "-N", "-E", "UTF8"])
        fsync = "on" if durable else "off"
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync={fsync}"
        log = str(folder / "log")
        _as_server([pg_ctl, "-D", data, "-w", "-l", log, "-o", options, "start"])
        try:
            yield f"postgresql://affidavit@/postgres?host={folder}"
        finally:
            _as_server([pg_ctl, "-D", data, "-w", "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binary(name: str) -> str | None:
    found = shutil.which(name)
    if found:
        return found
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((str(f / name) for f in folders if (f / name).exists()), None)


def _as_server(arguments: Sequence[str]) -> None:
    """Run a server tool; PostgreSQL refuses root, so root becomes `postgres` for it."""
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*user, *arguments], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
