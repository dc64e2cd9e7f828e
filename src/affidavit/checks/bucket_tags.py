"""Which in-scope buckets are asked for their tags: those in a role that a check judges by tags.

No other record reads the tags of a bucket, so that asking for them would say nothing. A rule of an
owner's own may read those of every bucket: then all are asked.
"""

from collections.abc import Collection, Iterator
from itertools import chain
from typing import Final

from affidavit.checks.rules import effective_parameters
from affidavit.checks.scoping import NamedBucket, Scope
from affidavit.model.catalogue import Check

TAGS: Final = "GetBucketTagging"
BY_ROLE: Final = "r.fact.roles.exists(x, x in p.roles)"
"""The condition of a check that judges buckets in the roles of its parameter, and no others."""


def with_judged_tags(scope: Scope) -> list[str]:
    """Return the account's in-scope buckets whose tags a check judges, sorted."""
    own, roles = scope.listed_buckets(), judged_roles(scope)
    named = (bucket for region in scope.facts.regions for bucket in scope.named_buckets(region))
    return sorted({b.name for b in named if b.name in own and is_judged(b, roles)})


def judged_roles(scope: Scope) -> frozenset[str] | None:
    """Return the roles of buckets whose tags checks judge; None: those of any bucket."""
    readers = [
        check
        for check in scope.catalogue.checks.values()
        if any(TAGS in member.path for member in check.reads)
    ]
    if any(map(_of_all, readers)):
        return None
    return frozenset(chain.from_iterable(r for check in readers for r in _roles(scope, check)))


def is_judged(bucket: NamedBucket, roles: frozenset[str] | None) -> bool:
    """Tell whether a check judges the tags of a bucket, given `judged_roles`."""
    return roles is None or not roles.isdisjoint(bucket.roles)


def _of_all(check: Check) -> bool:
    """Tell whether a check that reads tags may read those of any bucket, as of acct.set.bucket."""
    by_set = any(m.path.startswith("acct.") and TAGS in m.path for m in check.reads)
    return by_set or check.applies != BY_ROLE


def _roles(scope: Scope, check: Check) -> Iterator[Collection[str]]:
    """Yield the roles that a check judges, for each source that it decides."""
    own = scope.params.get(check.id, {})
    sources = [
        source.params
        for control in scope.catalogue.framework.controls()
        for source in control.sources
        if source.check == check.id
    ]
    for params in sources or [{}]:
        yield effective_parameters(check, params, own)["roles"]
