"""What botocore knows of AWS's operations: shapes, protocols, paging. Loaded once, for everybody.

botocore's service models are the single source of truth. The catalogue's loader is shared by all
clients and by `aws.shapes`, because each model is parsed once per loader (ec2: 0.15 s and 16 MB;
all services that we ask: 41 MB, measured).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, Shape

from affidavit.catalogue.shapes import loader, service

__all__ = ["Paging", "loader", "operation_model", "output_shape", "paging"]

TOKEN_PAIRS = (
    ("NextToken", "NextToken"),
    ("nextToken", "nextToken"),
    ("Marker", "Marker"),
    ("Marker", "NextMarker"),
    ("ContinuationToken", "NextContinuationToken"),
    ("ContinuationToken", "ContinuationToken"),
    ("PageToken", "NextPageToken"),
    ("PaginationToken", "PaginationToken"),
    ("NextMarker", "NextMarker"),
)
"""Request and answer member that carry the token, where botocore has no paginator for it."""

MORE_RESULTS = (
    "IsTruncated",
    "isTruncated",
    "HasMoreResults",
    "HasMoreDeliveryStreams",
    "Truncated",
)
"""Answer members that say that there is more, where botocore has no paginator for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How the pages of one operation hang together."""

    input_token: str
    """Request member that takes the token of the next page."""
    output_token: str
    """Answer member that gives it."""
    more_results: str
    """Answer member that says whether there is more, or empty."""
    limit_key: str
    """Request member that bounds a page, or empty."""
    result_keys: tuple[str, ...]
    """Answer members that hold the results, the leading one first; dots for nested ones."""
    most: int = 0
    """The largest page that the model lets us ask for; 0 where it names none."""


@cache
def operation_model(service_name: str, operation: str) -> OperationModel:
    """Return botocore's model of one operation."""
    return service(service_name).operation_model(operation)


@cache
def output_shape(service_name: str, operation: str) -> Shape | None:
    """Return the shape of the operation's answer, or None where it has none."""
    shape: Shape | None = operation_model(service_name, operation).output_shape
    return shape


@cache
def paging(service_name: str, operation: str) -> Paging | None:
    """Return how `operation` is paged, or None where its answer is always whole.

    From botocore's paginators; where there is none (iam:ListServiceSpecificCredentials), from the
    names of the members.
    """
    try:
        pages = loader().load_service_model(service_name, "paginators-1")["pagination"]
    except UnknownServiceError:
        pages = {}
    known = pages.get(operation)
    model = operation_model(service_name, operation)
    return _by_names(model) if known is None else _by_paginator(known, model)


def _by_paginator(known: Mapping[str, Any], model: OperationModel) -> Paging:
    limit = model.input_shape.members.get(known.get("limit_key", "")) if model.input_shape else None
    return Paging(
        input_token=_first(known["input_token"]),
        output_token=_first(known["output_token"]),
        more_results=known.get("more_results", ""),
        limit_key=known.get("limit_key", ""),
        result_keys=_all(known.get("result_key", [])),
        most=int(limit.metadata.get("max", 0)) if limit else 0,
    )


def _all(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _first(value: str | list[str]) -> str:
    """Return the only token member; operations with several tokens are not asked by us."""
    names = _all(value)
    if len(names) != 1:
        raise NotImplementedError(f"paging by {len(names)} tokens: {', '.join(names)}")
    return names[0]


def _by_names(model: OperationModel) -> Paging | None:
    members_in = model.input_shape.members if model.input_shape else {}
    members_out = model.output_shape.members if model.output_shape else {}
    for token_in, token_out in TOKEN_PAIRS:
        if token_in in members_in and token_out in members_out:
            lists = tuple(n for n, s in members_out.items() if s.type_name == "list")
            more = next((name for name in MORE_RESULTS if name in members_out), "")
            return Paging(
                input_token=token_in,
                output_token=token_out,
                more_results=more,
                limit_key="",
                result_keys=lists,
            )
    return None
