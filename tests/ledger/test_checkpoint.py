"""Checkpoints are C2SP signed notes; whatever is not exactly so is refused."""

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from affidavit.errors import LedgerError
from affidavit.ledger.checkpoint import (
    Checkpoint,
    VerifierKey,
    _split_note,
    _verify,
    open_note,
    sign,
)

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
ORIGIN = "affidavit/111122223333/us-east-1"
CHECKPOINT = Checkpoint(ORIGIN, 42, b"r" * 32)
NOTE = sign(CHECKPOINT, PRIVATE)
KEY = VerifierKey(ORIGIN, PRIVATE.public_key().public_bytes_raw())

GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqf"
    "qdngotpRZb6KE6RyyBwJnAM=\n"
)
"""The example in the documentation of Go's package golang.org/x/mod/sumdb/note."""


def test_the_known_note() -> None:
    """The note and key of another implementation verify, and the key is written as it was read."""
    key = VerifierKey.parse(GO_KEY)
    assert str(key) == GO_KEY
    text, signatures = _split_note(GO_NOTE)
    assert [(name, key_id) for name, key_id, _ in signatures] == [(key.name, key.id)]
    _verify(key, text, signatures[0][2])


def test_round_trip() -> None:
    """A signed checkpoint opens under its key, and is text of the form of tlog-checkpoint."""
    assert open_note(NOTE, [KEY]) == CHECKPOINT
    root = b64encode(b"r" * 32).decode()
    assert NOTE.startswith(f"{ORIGIN}\n42\n{root}\n\n\u2014 {ORIGIN} ")


def test_an_unknown_signature_beside_is_ignored() -> None:
    """A witness's signature that we do not know does not disturb."""
    stranger = "\u2014 witness.example " + b64encode(b"abcd" + b"s" * 64).decode() + "\n"
    assert open_note(NOTE + stranger, [KEY]) == CHECKPOINT


def test_another_key_is_refused() -> None:
    """A note is refused under a key that did not sign it, even of the same name."""
    other = VerifierKey(ORIGIN, Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    with pytest.raises(LedgerError, match="not signed by any"):
        open_note(NOTE, [other])
    with pytest.raises(LedgerError, match="not signed by any"):
        open_note(NOTE, [])


def test_a_wrong_signature_of_a_known_key_is_refused() -> None:
    """One wrong signature by a known key refuses the note, although another one holds."""
    wrong = "\u2014 " + ORIGIN + " " + b64encode(KEY.id + b"s" * 64).decode() + "\n"
    with pytest.raises(LedgerError, match="wrong"):
        open_note(NOTE + wrong, [KEY])


def test_every_changed_character_is_refused() -> None:
    """No single character of a note can be changed."""
    for at, character in enumerate(NOTE):
        changed = NOTE[:at] + ("B" if character == "A" else "A") + NOTE[at + 1 :]
        with pytest.raises(LedgerError):
            open_note(changed, [KEY])


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n042\n{b64encode(b'r' * 32).decode()}\n",
        f"{ORIGIN}\n-1\n{b64encode(b'r' * 32).decode()}\n",
        f"{ORIGIN}\n\u0664\n{b64encode(b'r' * 32).decode()}\n",
        f"{ORIGIN}\n{'9' * 30}\n{b64encode(b'r' * 32).decode()}\n",
        f"{ORIGIN}\n42\n{b64encode(b'r' * 31).decode()}\n",
        f"{ORIGIN}\n42\n{b64encode(b'r' * 32).decode().rstrip('=')}\n",
        f"{ORIGIN}\n42\n{b64encode(b'r' * 32).decode()}\nextension\n",
        f"\n42\n{b64encode(b'r' * 32).decode()}\n",
        f"{ORIGIN}\n\n{b64encode(b'r' * 32).decode()}\n",
        f"{ORIGIN}\n42",
        "",
    ],
)
def test_odd_texts_are_refused(text: str) -> None:
    """A text that is not exactly origin, size and root is no checkpoint."""
    with pytest.raises(LedgerError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "note",
    [
        "",
        NOTE.rstrip("\n"),
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("\n", "\r\n"),
        NOTE.split("\n\n")[0] + "\n\n",
        NOTE.replace("\u2014 ", "- "),
        NOTE + "\u2014 x\n" * 200,
        NOTE.replace("=\n", "\n"),
        NOTE + "\u2014  AAAA\n",
    ],
)
def test_odd_notes_are_refused(note: str) -> None:
    """What is not in the form of a signed note is refused."""
    with pytest.raises(LedgerError):
        open_note(note, [KEY])


@pytest.mark.parametrize(
    "text",
    ["", "a+b", GO_KEY.replace("c74f", "c75f"), GO_KEY[:-4], GO_KEY.replace("+AR", "+BR"), "+1+A="],
)
def test_odd_keys_are_refused(text: str) -> None:
    """A verifier key that does not match its own hash, or is none, is refused."""
    with pytest.raises(LedgerError):
        VerifierKey.parse(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b"])
def test_odd_names_are_refused(name: str) -> None:
    """A key's name has no space and no plus."""
    with pytest.raises(LedgerError):
        VerifierKey(name, b"k" * 32)


def test_a_checkpoint_signed_under_another_name_is_refused() -> None:
    """A key of another log cannot sign for this one."""
    other = Checkpoint("affidavit/999/eu-west-1", 1, b"r" * 32)
    key = VerifierKey(ORIGIN, KEY.public)
    text = other.text()
    note = f"{text}\n\u2014 {ORIGIN} {b64encode(key.id + PRIVATE.sign(text.encode())).decode()}\n"
    with pytest.raises(LedgerError, match="another name"):
        open_note(note, [key])
