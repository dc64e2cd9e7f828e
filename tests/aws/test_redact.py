"""Secrets in answers: declared ones, detected ones, and what is none."""

from typing import Any

import pytest

from affidavit.aws.redact import body, text
from affidavit.aws.shapes import REDACTED

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"


def test_declared_paths_are_replaced_whole() -> None:
    """Lists, members and any-member paths are followed; pointers name each place."""
    answer = {
        "Functions": [
            {"Environment": {"Variables": {"A": "1", "B/c": "2"}}, "Name": "f"},
            {"Name": "g"},
        ],
        "Blob": {"x": 1},
        "Empty": "",
    }
    paths = ("Functions[].Environment.Variables.*", "Blob", "Empty", "Nothing.here")
    clean, pointers = body(answer, paths)
    assert clean == {
        "Functions": [
            {"Environment": {"Variables": {"A": REDACTED, "B/c": REDACTED}}, "Name": "f"},
            {"Name": "g"},
        ],
        "Blob": REDACTED,
        "Empty": "",
    }
    assert pointers == (
        "/Blob",
        "/Functions/0/Environment/Variables/A",
        "/Functions/0/Environment/Variables/B~1c",
    )
    assert answer["Blob"] == {"x": 1}


@pytest.mark.parametrize(
    "name",
    [
        "Password",
        "MasterUserPassword",
        "DB_PASSWORD",
        "clientSecret",
        "SecretAccessKey",
        "SessionToken",
        "token",
        "apiKey",
        "private_key",
    ],
)
def test_values_under_secret_names_are_replaced(name: str) -> None:
    """A member named like a secret is one, also as name and value side by side."""
    assert body({name: "hunter2"}, ()) == ({name: REDACTED}, (f"/{name}",))
    pair = {"Name": name, "Value": "hunter2"}
    assert body({"e": [pair]}, ()) == ({"e": [pair | {"Value": REDACTED}]}, ("/e/0/Value",))


@pytest.mark.parametrize(
    "answer",
    [
        {"NextToken": "abc", "clientRequestToken": "abc"},
        {"credentialsSecretArn": "arn:aws:secretsmanager:x", "secret": "arn:aws:s:x"},
        {"PasswordEnabled": "true", "PasswordLastUsed": "2026-01-01T00:00:00Z", "Password": ""},
        {"password": "true", "MinimumPasswordLength": 14, "password_enabled": False},
        {"Owner": "x" * 40, "KeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"},
    ],
)
def test_what_is_no_secret_stays(answer: dict[str, Any]) -> None:
    """References, states, dates, lengths and paging tokens are evidence, not secrets."""
    assert body(answer, ()) == (answer, ())


def test_secrets_within_texts_are_cut_out() -> None:
    """Within a longer text only the secret goes; the rest stays evidence."""
    event = f'{{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","secretAccessKey":"{SECRET}","x":1}}'
    clean, pointers = body({"CloudTrailEvent": event}, ())
    assert clean["CloudTrailEvent"] == (
        f'{{"accessKeyId":"{REDACTED}","secretAccessKey":"{REDACTED}","x":1}}'
    )
    assert pointers == ("/CloudTrailEvent",)
    assert text(f"before {PEM} after") == f"before {REDACTED} after"
    assert text("aws_secret_access_key = " + SECRET) == f"aws_secret_access_key = {REDACTED}"
    assert text(SECRET) == SECRET
