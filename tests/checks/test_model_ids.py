"""Models are recognised under all their names."""

import pytest

from affidavit.checks.model_ids import is_resolved, plain_id, resolve, spellings

NOVA = "amazon.nova-pro-v1:0"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (NOVA, NOVA),
        (f"us.{NOVA}", NOVA),
        (f"us-gov.{NOVA}", NOVA),
        (f"apac.{NOVA}", NOVA),
        (f"global.{NOVA}", NOVA),
        (f"jp.{NOVA}", NOVA),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}", NOVA),
        (f"arn:aws:bedrock:us-east-1:111122223333:inference-profile/eu.{NOVA}", NOVA),
        (f"arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/{NOVA}", NOVA),
        (
            "arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-lite-v1:0:300k/abc",
            "amazon.nova-lite-v1:0:300k/abc",
        ),
        ("meta.llama3-8b-instruct-v1:0", "meta.llama3-8b-instruct-v1:0"),
        ("unknown.model", "unknown.model"),
    ],
)
def test_plain_ids(name: str, expected: str) -> None:
    """Prefixes of inference profiles and ARNs fall away, nothing else."""
    assert plain_id(name) == expected


def test_things_of_the_account_are_looked_up() -> None:
    """A provisioned throughput stands for its model where it is known, else for nothing."""
    arn = "arn:aws:bedrock:us-east-1:111122223333:provisioned-model/abc"
    assert not is_resolved(resolve(arn, {}))
    known = {arn: f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"}
    assert resolve(arn, known) == NOVA
    assert is_resolved(NOVA)


def test_context_sizes_are_another_spelling() -> None:
    """A model with a context size is also found without it."""
    assert spellings(f"{NOVA}:300k") == (f"{NOVA}:300k", NOVA)
    assert spellings(NOVA) == (NOVA,)
