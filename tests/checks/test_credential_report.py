"""The credential report is read as IAM writes it, and refused when it is something else."""

import base64

import pytest

from affidavit.checks.credential_report import ReportError, rows

HEAD = "user,arn,mfa_active,password_last_used"


def encoded(*lines: str) -> str:
    """Return a report as it is stored."""
    return base64.b64encode("\n".join(lines).encode()).decode()


def test_rows_without_the_root_user() -> None:
    """Each user is a row of texts; the root account has none."""
    report = encoded(HEAD, "<root_account>,arn:root,true,N/A", "anna,arn:anna,false,no_information")
    assert list(rows(report)) == [
        (
            1,
            {
                "user": "anna",
                "arn": "arn:anna",
                "mfa_active": "false",
                "password_last_used": "no_information",
            },
        )
    ]


def test_columns_that_a_row_lacks_are_missing() -> None:
    """A short row has no member for what it lacks, so that no check takes it for an empty text."""
    assert dict(next(iter(rows(encoded(HEAD, "anna,arn:anna"))))[1]) == {
        "user": "anna",
        "arn": "arn:anna",
    }


def test_a_report_of_nobody_is_empty() -> None:
    """Only the root account: no user."""
    assert not list(rows(encoded(HEAD, "<root_account>,arn:root,true,N/A")))


@pytest.mark.parametrize(
    "content", [None, "", "%%%", encoded("a,b", "1,2"), base64.b64encode(b"\xff\xfe").decode()]
)
def test_what_is_no_report_is_refused(content: object) -> None:
    """Nothing is concluded from content that is no credential report."""
    with pytest.raises(ReportError):
        list(rows(content))
