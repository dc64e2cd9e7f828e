"""The errors of Affidavit. Each says what happened, why, and what to do.

    AffidavitError
    |-- UsageError            the call or a setting is wrong (exit code 2)
    |   |-- SettingsError     an environment variable, TOML entry or path
    |   |-- CatalogueError    a framework, control or check does not hold
    |   `-- QueryError        a query of the finder, with the column where it is wrong
    |-- CollectError          evidence could not be collected at all (exit code 3)
    |   |-- CredentialsError  none, expired, or of another account
    |   |-- EstateError       accounts or Regions could not be found out
    |   `-- ObjectError       an object in a bucket: refused, missing or too large; no use to repeat
    |-- StoreError            the database, a segment or a blob
    |   |-- StoreBusyError    locked by somebody else
    |   |-- StoreConflictError changed by somebody else since it was read
    |   |-- StoreFullError    no space left
    |   |-- StoreSealedError  encrypted under a key that cannot be used now
    |   `-- StoreDamagedError found, but not what was written
    |-- LedgerError           tree, checkpoint or proof does not hold
    |-- SigningKeyError       signing, master or HMAC key: missing, unreadable, wrong passphrase
    |-- ReportError           a report could not be built
    |-- AlertError            an alert did not reach a channel
    `-- EmulatorError         the simulated estate did not start

What could not be observed in one place is not an error: it is a `Gap` (see `model.observation`).
"""

from typing import ClassVar


class AffidavitError(Exception):
    """The root: `what` happened, `why`, and what `todo` about it, in words for a person."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.todo = todo

    def diagnostics(self) -> str:
        """Return the whole text for a person: what, why, what to do, a line each."""
        lines = [self.what]
        if self.why:
            lines.append(f"Why: {self.why}")
        if self.todo:
            lines.append(f"What to do: {self.todo}")
        return "\n".join(lines)

    @property
    def in_a_line(self) -> str:
        """Return what and why, for a status that holds one line."""
        return f"{self.what}. {self.why}" if self.why else self.what

    @property
    def with_todo(self) -> str:
        """Return what, why and what to do about it, for a line that stands alone."""
        return f"{self.in_a_line} {self.todo}" if self.todo else self.in_a_line

    @property
    def sentences(self) -> str:
        """Return what and why as gaps say them: these words stand in evidence, and never change."""
        return f"{self.what}. {self.why}"

    def __str__(self) -> str:
        return self.diagnostics()


class UsageError(AffidavitError):
    """The call is wrong: an option, an argument, a setting."""

    exit_code = 2


class SettingsError(UsageError):
    """An environment variable, a TOML entry or a path cannot be used."""


class CatalogueError(UsageError):
    """A framework, control, check or operation of the catalogue does not hold."""


class QueryError(UsageError):
    """A query of the finder is wrong; `column` says where, counted from 1, 0 for the whole."""

    def __init__(self, what: str, *, why: str = "", todo: str = "", column: int = 0) -> None:
        super().__init__(what, why=why, todo=todo)
        self.column = column


class CollectError(AffidavitError):
    """Evidence could not be collected at all."""

    exit_code = 3


class CredentialsError(CollectError):
    """AWS credentials are missing, expired or belong to another account."""


class EstateError(CollectError):
    """The accounts or Regions in scope could not be found out."""


class ObjectError(CollectError):
    """An object in S3 may not be read or written, is missing, or is too large."""


class StoreError(AffidavitError):
    """The database, a segment or a blob could not be read or written."""

    exit_code = 3


class StoreBusyError(StoreError):
    """Somebody else holds the database."""


class StoreConflictError(StoreError):
    """Something was changed by somebody else since it was read."""


class StoreFullError(StoreError):
    """No space is left where the evidence is stored."""


class StoreSealedError(StoreError):
    """Something stored is encrypted under a key that is lost, disabled or denied."""


class StoreDamagedError(StoreError):
    """Something stored is not what was written, or is gone."""


class LedgerError(AffidavitError):
    """The tree, a checkpoint or a proof does not hold."""


class SigningKeyError(AffidavitError):
    """A signing, master or HMAC key is missing, unreadable or of the wrong kind."""

    exit_code = 3


class ReportError(AffidavitError):
    """A report could not be built."""


class AlertError(AffidavitError):
    """An alert did not reach a channel, or may not be sent to where it leads."""


class EmulatorError(AffidavitError):
    """The simulated estate did not start or stopped."""

    exit_code = 3
