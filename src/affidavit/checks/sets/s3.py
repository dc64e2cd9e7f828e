"""Records of the buckets that hold generative AI data."""

from collections.abc import Iterator

from affidavit.checks.backed_up import NAMING, where_unknown
from affidavit.checks.bucket_tags import TAGS, is_judged, judged_roles
from affidavit.checks.drafts import Draft, View
from affidavit.checks.fanout import recovery_point_parameters
from affidavit.checks.places import Record, RecordSet
from affidavit.checks.policies import PolicyError, statements
from affidavit.checks.scoping import NamedBucket
from affidavit.model.observation import GLOBAL_REGION, GapReason

PROTECTED = "ListProtectedResources"
BACKUP = frozenset({PROTECTED, "ListRecoveryPointsByResource"})
"""The joins that AWS Backup answers, in the Region of the bucket."""


def bucket(view: View) -> RecordSet:
    """Return the buckets that resources of this Region name, each with its roles."""
    gaps = (*view.gaps("ListBuckets"), *view.scoping_gaps(*NAMING))
    return view.finish(_buckets(view), gaps)


def _buckets(view: View) -> Iterator[Record]:
    listed, tagged = view.scope.listed_buckets(), judged_roles(view.scope)
    for named in view.scope.named_buckets(view.region):
        found = listed.get(named.name)
        if found is not None and view.answers.of(found.source).body:
            draft = view.of(found)
            _join(draft, named, tagged)
        elif view.gaps("ListBuckets"):
            continue
        else:
            draft = view.draft()
            draft.values["item"] = {"Name": named.name}
            _say_foreign(draft, named)
        draft.cite_found(named.named_by)
        draft.values["fact"] = {"roles": list(named.roles)}
        draft.attributes |= {"name": named.name, "roles": ", ".join(named.roles)}
        yield draft.record(f"arn:{view.partition}:s3:::{named.name}")


def _say_foreign(draft: Draft, named: NamedBucket) -> None:
    """Note that nothing is known of a bucket that is not the account's."""
    words = (
        f"The bucket {named.name} is named as {', '.join(named.roles)}, but is not among the"
        " account's buckets: it belongs to another account or was deleted."
    )
    for key in ("ListBuckets", *(join.name for join in draft.view.set.joins)):
        draft.unknown(key, key, GapReason.UNREACHABLE, words)


def _join(draft: Draft, named: NamedBucket, tagged: frozenset[str] | None) -> None:
    for join in draft.view.set.joins:
        if join.operation in BACKUP:
            _join_backup(draft, join.name, named)
        elif join.operation != TAGS or is_judged(named, tagged):
            draft.join(join.name, join.operation, GLOBAL_REGION, {"Bucket": named.name})
    _add_policy(draft)


def _join_backup(draft: Draft, key: str, named: NamedBucket) -> None:
    """Put in what AWS Backup knows of the bucket, from the bucket's own Region: no other does."""
    facts = draft.view.answers.facts
    region = draft.view.scope.bucket_region(named.name)
    if region not in facts.regions:
        words = f"The bucket {named.name} lies in {region}, which is not in scope."
        if not region:
            words = where_unknown(named.name)
        draft.unknown(key, key, GapReason.NOT_CONFIGURED, words)
    elif key == PROTECTED:
        _join_protected(draft, region, named.name)
    else:
        draft.join(key, key, region, recovery_point_parameters(facts, region, named.name))


def _join_protected(draft: Draft, region: str, name: str) -> None:
    """Put in the bucket's entry among the protected resources; absent where it has none."""
    answer = draft.view.answers.ask(PROTECTED, region, {})
    draft.cite(answer.result)
    if answer.gap is not None:
        draft.gaps[PROTECTED] = answer.gap
        return
    for entry in answer.body.get("Results", ()):
        if str(entry.get("ResourceArn", "")).endswith(f":::{name}"):
            draft.values[PROTECTED] = entry


def _add_policy(draft: Draft) -> None:
    """Put in r.policy: the normalised statements, none where there is no policy."""
    key = "GetBucketPolicy"
    if key in draft.gaps:
        return
    text = draft.values.get(key, {}).get("Policy")
    try:
        draft.values["policy"] = statements(text) if key in draft.values else []
    except PolicyError as error:
        del draft.values[key]
        words = f"The bucket policy cannot be read: {error}."
        draft.unknown(key, key, GapReason.MALFORMED, words)
