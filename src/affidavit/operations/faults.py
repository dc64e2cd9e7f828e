"""The refusals that an operation may raise, in Audit Manager's own words.

    Fault
    |-- ValidationFault    the request cannot be done as asked; names the members
    |-- NotFoundFault      no such resource for this caller
    |-- AccessDeniedFault  the caller may not
    |-- QuotaFault         a quota would be exceeded
    `-- ThrottlingFault    too many requests; says when to come again

Each is one modelled error of the API (`code`), so that API, console and command line say the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from affidavit.errors import AffidavitError

Reason = Literal["unknownOperation", "cannotParse", "fieldValidationFailed", "other"]
"""The values of Audit Manager's ValidationExceptionReason."""

NO_SUCH_RESOURCE = (
    "The operation tried to access a nonexistent resource. The resource might not be specified "
    "correctly, or its status might not be active. Check and try again."
)
"""Audit Manager's own text, as clients match it (behaviour notes, 4.1)."""


class Fault(AffidavitError):  # noqa: N818 - the word of AWS's own error documents
    """A refusal: `what` becomes the API's `message`."""

    code: ClassVar[str]
    """The name of the modelled error."""

    def members(self) -> Mapping[str, Any]:
        """Return the modelled error's members besides `message`."""
        return {}


class ValidationFault(Fault):
    """The request cannot be done as asked."""

    code = "ValidationException"

    def __init__(
        self, what: str, *, reason: Reason = "other", fields: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Take the text, the reason, and (member path, what it must be) for each wrong member."""
        super().__init__(what)
        self.reason = reason
        self.fields = tuple(fields)

    @classmethod
    def of_members(cls, problems: Sequence[tuple[str, str]]) -> Self:
        """Return the fault of (member path, what it must be); the text names the first."""
        name, text = problems[0]
        return cls(
            f"Value at '{name}' failed to satisfy constraint: {text}",
            reason="fieldValidationFailed",
            fields=problems,
        )

    def members(self) -> Mapping[str, Any]:
        """Return reason and fields; no `fields` when no member is to blame."""
        members: dict[str, Any] = {"reason": self.reason}
        if self.fields:
            members["fields"] = [{"name": name, "message": text} for name, text in self.fields]
        return members


class NotFoundFault(Fault):
    """The caller's tenant has no such resource (or may not know of it)."""

    code = "ResourceNotFoundException"

    def __init__(self, resource_id: str, resource_type: str, what: str = NO_SUCH_RESOURCE) -> None:
        super().__init__(what)
        self.resource_id = resource_id
        self.resource_type = resource_type

    def members(self) -> Mapping[str, Any]:
        """Return the resource's id and type, which the model requires."""
        return {"resourceId": self.resource_id, "resourceType": self.resource_type}


class AccessDeniedFault(Fault):
    """The caller is known but may not do this."""

    code = "AccessDeniedException"


class QuotaFault(Fault):
    """A quota of the tenant would be exceeded."""

    code = "ServiceQuotaExceededException"


class ThrottlingFault(Fault):
    """Too many requests: come again after `retry_after` seconds."""

    code = "ThrottlingException"

    def __init__(self, what: str = "Rate exceeded", *, retry_after: int = 1) -> None:
        super().__init__(what)
        self.retry_after = retry_after
