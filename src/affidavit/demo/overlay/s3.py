"""S3: buckets with the defaults that S3 has, and the account's public access block."""

import hashlib
import json
from typing import Any

from affidavit.demo.overlay.invocation_logs import objects
from affidavit.demo.overlay.registry import Answer, AwsError, Call, Paging, answers
from affidavit.demo.schema import Bucket

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_ABSENT = 404
_OWNER_HONOURED = ["Bucket", "ExpectedBucketOwner"]


def _bucket(call: Call) -> Bucket:
    name = call.need("Bucket")
    owner = call.get("ExpectedBucketOwner", call.place.account.id)
    for bucket in call.place.buckets():
        if bucket.name == name:
            if owner != call.place.account.id:
                raise AwsError("AccessDenied", "Access Denied", 403)
            return bucket
    for account in call.place.world.accounts:
        place = call.place.world.place(account, call.place.region_name)
        if any(bucket.name == name for bucket in place.buckets()):
            raise AwsError("AccessDenied", "Access Denied", 403)
    raise AwsError("NoSuchBucket", "The specified bucket does not exist", _ABSENT)


@answers(
    "s3",
    "ListBuckets",
    honours=["Prefix", "BucketRegion"],
    paging=Paging("ContinuationToken", "MaxBuckets", 20),
)
def list_buckets(call: Call) -> Answer:
    """Answer with the account's buckets by name."""
    place = call.place
    prefix, region = call.get("Prefix", ""), call.get("BucketRegion")
    return {
        "Buckets": [
            {
                "Name": bucket.name,
                "CreationDate": place.ago(bucket.age),
                "BucketRegion": bucket.region,
                "BucketArn": f"arn:aws:s3:::{bucket.name}",
            }
            for bucket in place.buckets()
            if bucket.name.startswith(prefix) and region in {None, bucket.region}
        ],
        "Owner": {"ID": place.names.hexadecimal(64, place.account.id, "canonical")},
    }


_LISTING = ["Bucket", "Prefix", "StartAfter", "ContinuationToken", "EncodingType", "MaxKeys"]
_PAGE = 25
"""Objects in one page of a listing; small, so that there are pages."""


def _holds_logs(call: Call) -> bool:
    """Tell whether the bucket is one that the estate writes logs to, whoever asks for it."""
    name = call.get("Bucket", "")
    places = (call.place.world.place(one, call.place.region_name) for one in _accounts(call))
    return any(objects(place, name) for place in places)


def _accounts(call: Call) -> list[str]:
    """Return the estate's accounts, the caller's first."""
    own = call.place.account.id
    return [own, *(one for one in call.place.world.accounts if one != own)]


@answers("s3", "ListObjectsV2", honours=[*_LISTING, "ExpectedBucketOwner"], ours=_holds_logs)
def list_objects(call: Call) -> Answer:
    """Answer with the objects of a log bucket by key; moto has what other buckets hold."""
    bucket = _bucket(call)
    found = objects(call.place, bucket.name)
    prefix = call.get("Prefix", "")
    after = max(call.get("StartAfter", ""), call.get("ContinuationToken", ""))
    keys = sorted(key for key in found if key.startswith(prefix) and key > after)
    page = keys[: min(int(call.get("MaxKeys", _PAGE)), _PAGE)]
    answer: Answer = {
        "Name": bucket.name,
        "Prefix": prefix,
        "KeyCount": len(page),
        "MaxKeys": _PAGE,
        "IsTruncated": len(page) < len(keys),
        "Contents": [
            {
                "Key": key,
                "LastModified": call.place.ago(0.1),
                "ETag": f'"{hashlib.md5(found[key], usedforsecurity=False).hexdigest()}"',
                "Size": len(found[key]),
                "StorageClass": "STANDARD",
            }
            for key in page
        ],
    }
    if len(page) < len(keys):
        answer["NextContinuationToken"] = page[-1]
    return answer


@answers(
    "s3",
    "GetObject",
    honours=["Bucket", "Key", "ExpectedBucketOwner", "ChecksumMode"],
    ours=_holds_logs,
)
def get_object(call: Call) -> Answer:
    """Answer with an object of a log bucket."""
    content = objects(call.place, _bucket(call).name).get(call.need("Key"))
    if content is None:
        raise AwsError("NoSuchKey", "The specified key does not exist.", _ABSENT)
    return {"Body": content, "ContentLength": len(content), "ContentType": "application/x-gzip"}


@answers("s3", "GetBucketLocation", honours=_OWNER_HONOURED)
def get_location(call: Call) -> Answer:
    """Answer with the bucket's Region; us-east-1 is answered as nothing."""
    region = _bucket(call).region
    return {} if region == "us-east-1" else {"LocationConstraint": region}


@answers("s3", "GetBucketVersioning", honours=_OWNER_HONOURED)
def get_versioning(call: Call) -> Answer:
    """Answer with the status; nothing for a bucket that never had versioning."""
    status = _bucket(call).versioning
    return {"Status": status} if status else {}


@answers("s3", "GetBucketEncryption", honours=_OWNER_HONOURED)
def get_encryption(call: Call) -> Answer:
    """Answer with the default encryption: AES256 unless a key is given (S3, since January 2023)."""
    bucket = _bucket(call)
    default: dict[str, Any] = {"SSEAlgorithm": "AES256"}
    if bucket.key:
        key = call.place.elsewhere(bucket.region).key_arn(bucket.key)
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": bool(bucket.key)}
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


def policy(bucket: Bucket) -> list[dict[str, Any]]:
    """Return the statements of the bucket's policy."""
    resources = [f"arn:aws:s3:::{bucket.name}", f"arn:aws:s3:::{bucket.name}/*"]
    statements: list[dict[str, Any]] = []
    if bucket.tls_only:
        statements.append(
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": resources,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        )
    if bucket.public_read:
        statements.append(
            {
                "Sid": "ShareWithPartners",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": resources[1],
            }
        )
    return statements


@answers("s3", "GetBucketPolicy", honours=_OWNER_HONOURED)
def get_policy(call: Call) -> Answer:
    """Answer with the policy as JSON text, or that there is none."""
    statements = policy(_bucket(call))
    if not statements:
        raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", _ABSENT)
    return {"Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}


@answers("s3", "GetPublicAccessBlock", honours=_OWNER_HONOURED)
def get_public_block(call: Call) -> Answer:
    """Answer with all four blocks, or that there are none (they were removed)."""
    return _blocks(on=_bucket(call).public_block)


@answers("s3control", "GetPublicAccessBlock", honours=["AccountId"])
def get_account_block(call: Call) -> Answer:
    """Answer with the account's four blocks, or that there are none."""
    if call.need("AccountId") != call.place.account.id:
        raise AwsError("AccessDenied", "Access Denied", 403)
    return _blocks(on=call.place.account.public_block)


def _blocks(*, on: bool) -> Answer:
    if not on:
        raise AwsError(
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
            _ABSENT,
        )
    return {"PublicAccessBlockConfiguration": dict.fromkeys(_BLOCKS, True)}


@answers("s3", "GetBucketLogging", honours=_OWNER_HONOURED)
def get_logging(call: Call) -> Answer:
    """Answer with the target of server access logs, or with nothing."""
    bucket = _bucket(call)
    if not bucket.logs_to:
        return {}
    return {"LoggingEnabled": {"TargetBucket": bucket.logs_to, "TargetPrefix": f"{bucket.name}/"}}


@answers("s3", "GetBucketLifecycleConfiguration", honours=_OWNER_HONOURED)
def get_lifecycle(call: Call) -> Answer:
    """Answer with the one rule, or that there is none."""
    days = _bucket(call).expire
    if days is None:
        raise AwsError(
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
            _ABSENT,
        )
    rule = {
        "ID": "end-old-versions",
        "Filter": {"Prefix": ""},
        "Status": "Enabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": days},
        "Transitions": [{"Days": 90, "StorageClass": "STANDARD_IA"}],
    }
    return {"Rules": [rule]}


@answers("s3", "GetBucketTagging", honours=_OWNER_HONOURED)
def get_tagging(call: Call) -> Answer:
    """Answer with the tags, or that there are none."""
    tags = _bucket(call).tags
    if not tags:
        raise AwsError("NoSuchTagSet", "The TagSet does not exist", _ABSENT)
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}
