"""Records of the customer managed keys that protect generative AI data."""

from collections.abc import Iterator

from affidavit.checks.backed_up import NAMING as BUCKETS_NAMED_BY
from affidavit.checks.drafts import Draft, View
from affidavit.checks.fanout import can_rotate
from affidavit.checks.places import Record, RecordSet
from affidavit.checks.scoping import NamedKey
from affidavit.model.observation import Gap, GapReason

NAMING = (
    "GetCustomModel",
    "GetGuardrail",
    "DescribeLogGroups",
    "DescribeTrails",
    "GetDataSource",
)
"""The operations whose answers name keys, besides the encryption of in-scope buckets."""


def kms_key(view: View) -> RecordSet:
    """Return the keys of this Region that things in scope name, each once, whatever it is called.

    A key of a Region that is not in scope stands in the Region that names it, with a gap.
    """
    found: dict[str, Draft] = {}
    for key_id, mentions in view.scope.keys_at(view.region).items():
        _add(found, view, key_id, mentions)
    for named in view.scope.named_keys(view.region):
        if named.region not in view.answers.facts.regions:
            _add_outside(found, view, named)
    return view.finish(_records(found), (*view.scoping_gaps(*NAMING), *_bucket_gaps(view)))


def _bucket_gaps(view: View) -> Iterator[Gap]:
    """Yield why the keys of the buckets that this Region names may not all be known."""
    yield from view.gaps("ListBuckets")
    yield from view.scoping_gaps(*BUCKETS_NAMED_BY)
    listed = view.scope.listed_buckets()
    for bucket in view.scope.named_buckets(view.region):
        if bucket.name in listed:
            asked = {"Bucket": bucket.name}
            gap = view.answers.ask("GetBucketEncryption", view.region, asked).gap
            if gap is not None:
                yield gap


def _records(found: dict[str, Draft]) -> Iterator[Record]:
    for arn, draft in sorted(found.items()):
        yield draft.record(arn)


def _add(found: dict[str, Draft], view: View, key_id: str, mentions: list[NamedKey]) -> None:
    """Add a key by its ARN; alias, id and ARN of one key become one record."""
    draft = view.draft()
    answer = draft.join("DescribeKey", "DescribeKey", view.region, {"KeyId": key_id})
    metadata = answer.body.get("KeyMetadata", {})
    if metadata.get("KeyManager") == "AWS":
        return
    arn = str(metadata.get("Arn") or _arn(view, key_id))
    draft = found.setdefault(arn, draft)
    draft.cite(answer.result)
    first = {m.named_by.source.unit.key: m.named_by for m in reversed(mentions)}
    draft.cite_found(first.values())
    if answer.known and can_rotate(metadata):
        rotation = "GetKeyRotationStatus"
        draft.join(rotation, rotation, view.region, {"KeyId": arn})
    draft.attributes |= {
        "state": metadata.get("KeyState"),
        "spec": metadata.get("KeySpec"),
        "origin": metadata.get("Origin"),
    }


def _add_outside(found: dict[str, Draft], view: View, named: NamedKey) -> None:
    draft = found.setdefault(named.key_id, view.draft())
    words = f"The key {named.key_id} lies in {named.region}, which is not in scope."
    for key in ("DescribeKey", "GetKeyRotationStatus"):
        draft.unknown(key, key, GapReason.NOT_CONFIGURED, words)
    draft.cite_found([named.named_by])


def _arn(view: View, key_id: str) -> str:
    if key_id.startswith("arn:"):
        return key_id
    return view.arn("kms", key_id if key_id.startswith("alias/") else f"key/{key_id}")
