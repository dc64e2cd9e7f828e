"""Which in-scope buckets lie in a Region: only there does AWS Backup know their backups.

A bucket is judged in the Region of what names it, but backed up, restored and planned for in its
own. S3 says where a bucket lies (BucketRegion of ListBuckets); where it does not, any Region may be
the one, and none of them can say that there is nothing to back up.
"""

from collections.abc import Iterator

from affidavit.checks.answers import Answers
from affidavit.model.observation import GLOBAL_REGION, Gap, GapReason

NAMING = (
    "GetModelCustomizationJob",
    "GetModelInvocationLoggingConfiguration",
    "GetDataSource",
    "GetEvaluationJob",
)
"""The operations whose answers name buckets."""


def buckets_here(answers: Answers, region: str) -> list[str]:
    """Return the names of the account's in-scope buckets that lie in a Region, sorted."""
    return sorted({bucket.name for bucket in answers.scope.buckets_at(region)})


def gaps_here(answers: Answers, region: str) -> tuple[Gap, ...]:
    """Return why there may be more of them; a service that a Region lacks names nothing there."""
    listed = answers.gaps("ListBuckets", GLOBAL_REGION)
    found = {id(gap): gap for gap in (*listed, *_naming_gaps(answers), *_nowhere(answers, region))}
    return tuple(found.values())


def _naming_gaps(answers: Answers) -> Iterator[Gap]:
    for place in answers.facts.regions:
        for key in NAMING:
            for gap in answers.gaps(key, place):
                if gap.reason is not GapReason.UNSUPPORTED_IN_REGION:
                    yield gap


def _nowhere(answers: Answers, region: str) -> Iterator[Gap]:
    """Yield a gap for each in-scope bucket of which S3 does not say where it lies."""
    for name in answers.scope.buckets():
        if not answers.scope.bucket_region(name):
            yield answers.gap(
                "ListBuckets", region, {}, GapReason.NOT_CONFIGURED, where_unknown(name)
            )


def where_unknown(name: str) -> str:
    """Return in words that nobody says where a bucket lies."""
    return f"S3 does not say in which Region the bucket {name} lies."
