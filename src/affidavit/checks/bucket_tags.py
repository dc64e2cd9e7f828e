"""Which in-scope buckets are asked for their tags: those in a role that a check judges by tags.

No other record reads the tags of a bucket, so that asking for them would say nothing. A rule of an
owner's own may read those of every bucket: then all are asked.
"""

from collections.abc import Collection, Iterator
from typing import Final

from affidavit.checks.rules import effective_parameters
from affidavit.checks.scoping import NamedBucket, Scope
from affidavit.model.catalogue import Check

TAGS: Final = "GetBucketTagging"
BY_ROLE: Final = "r.fact.roles.exists(x, x in p.roles)"
"""The condition of a check that judges buckets in the roles of its parameter, and no others."""


def with_judged_tags(scope: Scope) -> list[str]:
    """Return the account's in-scope buckets whose tags a check judges, sorted."""
    own = scope.listed_buckets()
    named = (bucket for region in scope.facts.regions for bucket in scope.named_buckets(region))
    return sorted({b.name for b in named if b.name in own and judged_by_tags(scope, b)})


def judged_by_tags(scope: Scope, bucket: NamedBucket) -> bool:
    """Tell whether a check judges the tags of a bucket that is named in these roles."""
    return any(
        _of_all(check) or any(set(bucket.roles) & set(r) for r in _roles(scope, check))
        for check in scope.catalogue.checks.values()
        if any(TAGS in member.path for member in check.reads)
    )


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
