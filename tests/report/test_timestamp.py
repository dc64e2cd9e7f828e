"""Outside time stamps: of this checkpoint, sound in themselves, and not before what they hold."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from affidavit.errors import ReportError
from affidavit.report.verify.failure import VerificationError
from affidavit.report.verify.note import read_key
from affidavit.report.verify.outcome import verify
from affidavit.report.verify.timestamp import check_stamp

CONFIG = """
[tsa]
default_tsa = tsa1
[tsa1]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
certs = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
[req]
distinguished_name = dn
[dn]
[ext]
extendedKeyUsage = critical,timeStamping
"""

Stamper = Callable[..., bytes]


@pytest.fixture(scope="module")
def stamper(tmp_path_factory: pytest.TempPathFactory) -> Stamper:
    """Return a time-stamping authority made with OpenSSL."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tsa")
    (folder / "conf").write_text(CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.pem",
        "-days", "2", "-subj", "/CN=test TSA", "-config", "conf", "-extensions", "ext",
    )  # fmt: skip

    def stamp(data: bytes, *options: str) -> bytes:
        (folder / "data").write_bytes(data)
        openssl("ts", "-query", "-data", "data", "-out", "query", *(options or ("-cert",)))
        openssl("ts", "-reply", "-config", "conf", "-queryfile", "query", "-out", "reply")
        return (folder / "reply").read_bytes()

    return stamp


def test_stamp(stamper: Stamper) -> None:
    """A stamp of these bytes says when and by whom; of other bytes, or changed, it is refused."""
    data = stamper(b"checkpoint")
    found = check_stamp(data, b"checkpoint")
    assert abs((found.time - datetime.now(UTC)).total_seconds()) < 300
    assert found.issuer == "CN=test TSA"
    with pytest.raises(VerificationError, match="not the time stamp of this checkpoint"):
        check_stamp(data, b"another")
    for position in range(9, len(data), 7):
        changed = bytearray(data)
        changed[position] ^= 0x04
        try:
            assert check_stamp(bytes(changed), b"checkpoint").time == found.time
        except VerificationError:
            continue


def test_stamp_without_certificate(stamper: Stamper) -> None:
    """A stamp that holds no certificate is of these bytes, but names nobody."""
    assert check_stamp(stamper(b"x", "-sha512"), b"x").issuer == ""


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x80", b"\x30\x03\x02\x01\x00", b"junk"])
def test_no_stamp(data: bytes) -> None:
    """What is no stamp is said to be none."""
    with pytest.raises(VerificationError, match="is not a readable time stamp"):
        check_stamp(data, b"x")


def test_stamped_report(stamper: Stamper, fresh: Callable[..., Any]) -> None:
    """A report with a stamp is verified, and its issuer stands among what is not proved."""
    world = fresh()
    signed = world.maker.ledger.signed
    signed[-1] = replace(signed[-1], stamp=stamper(signed[-1].note.encode()))
    outcome = verify(world.build("stamped.zip"), read_key(str(world.key)))
    assert outcome.verified, outcome.failure
    assert "issuer not checked" in dict(outcome.steps)["time stamp"]
    assert any("CN=test TSA" in note for note in outcome.notes)


def test_stamp_before_the_run(stamper: Stamper, fresh: Callable[..., Any], tmp_path: Path) -> None:
    """A run that ended after the stamp on the checkpoint that holds it is impossible."""
    world = fresh()
    now = datetime.now(UTC)
    world.maker.run(world.assessment, now.date().replace(year=now.year + 1, day=1))
    signed = world.maker.ledger.signed
    signed[-1] = replace(signed[-1], stamp=stamper(signed[-1].note.encode()))
    late = replace(world, folder=tmp_path)
    with pytest.raises(ReportError, match="one of the two is backdated"):
        late.build("late.zip", now=now.replace(year=now.year + 2, day=1))
