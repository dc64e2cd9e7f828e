"""The order of judgement, and what it says in words."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from affidavit.catalogue.fixtures import FIXTURE_NOW, Fixture, load_fixtures
from affidavit.checks.judge import Judgement, judge, judged_here
from affidavit.checks.own_rules import check_of, derived
from affidavit.checks.places import Place, Record, RecordSet
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Input
from affidavit.model.framework import Rule
from affidavit.model.observation import GLOBAL_REGION, Gap, GapReason, Unit
from affidavit.model.verdict import Standing, Verdict

PlaceOf = Callable[..., Place]
FIXTURES = load_fixtures()
REGION = "eu-west-1"


def a_place(region: str = REGION, **sets: RecordSet) -> Place:
    """Return a place with nothing but the sets given."""
    return Place(region=region, acct={"fact": {}, "metric": {}, "set": {}}, sets=sets)


def a_gap(key: str) -> Gap:
    """Return a denied operation."""
    unit = Unit(key=key, account_id="111122223333", region=REGION, parameters={})
    return Gap(
        unit=unit,
        service="s3",
        operation=key,
        reason=GapReason.DENIED,
        code="AccessDenied",
        message="The role may not.",
        proof=None,
    )


def judged(catalogue: Catalogue, place: Place, check: str, **params: object) -> list[Judgement]:
    """Return the judgements of a check with its defaults, but for `params`."""
    effective = {**catalogue.checks[check].params, **params}
    return list(judge(catalogue, place, check, effective, FIXTURE_NOW))


def test_a_failing_record_says_what_was_expected_and_seen(
    catalogue: Catalogue, place_of: PlaceOf
) -> None:
    """A person reads the rule in words, and the value that broke it."""
    check = catalogue.checks["bucket-versioned"]
    (found,) = judged(catalogue, place_of(check, FIXTURES[check.id]["bad"]), check.id)
    assert found.reason == (
        "Expected: Versioning is Enabled. Seen: GetBucketVersioning.Status Suspended."
    )


def test_an_absent_member_is_told_in_the_words_of_aws(
    catalogue: Catalogue, place_of: PlaceOf
) -> None:
    """What is not there is explained, because the default is what was judged."""
    check = catalogue.checks["trail-encrypted"]
    (found,) = judged(catalogue, place_of(check, FIXTURES[check.id]["bad"]), check.id)
    assert "no item.KmsKeyId (The trail is not encrypted with a KMS key.)" in found.reason


def test_a_missing_required_member_is_named(catalogue: Catalogue, place_of: PlaceOf) -> None:
    """KeyError becomes words."""
    check = catalogue.checks["guardrail-versioned"]
    example = Fixture(r={"fact": {"inUse": True}, "GetGuardrail": {}}, acct={}, p={})
    (found,) = judged(catalogue, place_of(check, example), check.id)
    assert (found.verdict, found.standing) == (Verdict.NOT_APPLICABLE, Standing.UNDECIDED)
    assert found.reason == "Not decided: the answer lacks GetGuardrail.version."


def test_an_unknown_value_is_undecided(catalogue: Catalogue, place_of: PlaceOf) -> None:
    """A strength that AWS adds one day is not taken for a low or high one."""
    check = catalogue.checks["guardrail-prompt-attack"]
    filters = [{"type": "PROMPT_ATTACK", "inputStrength": "EXTREME", "outputStrength": "NONE"}]
    record = {"fact": {"inUse": True}, "GetGuardrail": {"contentPolicy": {"filters": filters}}}
    (found,) = judged(catalogue, place_of(check, Fixture(r=record, acct={}, p={})), check.id)
    assert found.standing is Standing.UNDECIDED
    assert "EXTREME" in found.reason


def test_an_empty_parameter_leaves_it_undecided_and_says_which(
    catalogue: Catalogue, place_of: PlaceOf
) -> None:
    """Without an approved list nothing is approved and nothing fails."""
    check = catalogue.checks["model-approved"]
    (found,) = judged(catalogue, place_of(check, FIXTURES[check.id]["good"]), check.id)
    assert found.standing is Standing.UNDECIDED
    assert "approved_models is empty" in found.reason


def test_what_does_not_apply_is_out_of_scope(catalogue: Catalogue, place_of: PlaceOf) -> None:
    """A user without a password needs no MFA for the console; nothing is left open."""
    check = catalogue.checks["console-mfa"]
    row = {"password_enabled": "false", "mfa_active": "false"}
    (found,) = judged(catalogue, place_of(check, Fixture(r={"row": row}, acct={}, p={})), check.id)
    assert (found.verdict, found.standing) == (Verdict.NOT_APPLICABLE, Standing.OUT_OF_SCOPE)


def test_inconclusive_comes_before_applies(catalogue: Catalogue, place_of: PlaceOf) -> None:
    """A flag that is neither true nor false is not taken for false."""
    check = catalogue.checks["console-mfa"]
    row = {"password_enabled": "not_supported", "mfa_active": "false"}
    (found,) = judged(catalogue, place_of(check, Fixture(r={"row": row}, acct={}, p={})), check.id)
    assert found.standing is Standing.UNDECIDED


def test_a_gap_comes_before_all_else(catalogue: Catalogue, place_of: PlaceOf) -> None:
    """A record with a gap in a join is undecided even where its values would fail."""
    check = catalogue.checks["bucket-versioned"]
    gap = a_gap("GetBucketVersioning")
    place = place_of(check, FIXTURES[check.id]["bad"], gaps={"GetBucketVersioning": gap})
    (found,) = judged(catalogue, place, check.id)
    assert (found.standing, found.gap) == (Standing.UNDECIDED, gap)
    assert found.reason == "GetBucketVersioning is unknown (denied): The role may not."


def test_a_gap_in_any_fact_matters_to_who_reads_all(catalogue: Catalogue) -> None:
    """A fact that is unknown is not one that the account has not."""
    rule = Rule(
        resource_set="log_group", compliant='has(acct.fact) && !("bedrockInUse" in acct.fact)'
    )
    check = check_of(derived(catalogue, rule), "own")
    record = Record(values={}, arn="arn", resource_type="", region=REGION)
    place = a_place(log_group=RecordSet(records=(record,)))
    place = replace(place, acct_gaps={"fact.bedrockInUse": (a_gap("ListGuardrails"),)})
    with_own = replace(catalogue, checks={**catalogue.checks, "own": check})
    (found,) = judged(with_own, place, "own")
    assert (found.verdict, found.standing) == (Verdict.NOT_APPLICABLE, Standing.UNDECIDED)


def test_a_gap_in_another_join_does_not_matter(catalogue: Catalogue, place_of: PlaceOf) -> None:
    """Who may not read tags can still see versioning."""
    check = catalogue.checks["bucket-versioned"]
    place = place_of(
        check, FIXTURES[check.id]["good"], gaps={"GetBucketTagging": a_gap("GetBucketTagging")}
    )
    (found,) = judged(catalogue, place, check.id)
    assert found.verdict is Verdict.COMPLIANT


def test_a_set_gap_hides_no_failure(catalogue: Catalogue, place_of: PlaceOf) -> None:
    """Where the list may be incomplete, what is known to fail still fails."""
    check = catalogue.checks["bucket-versioned"]
    gaps = {"bucket": (a_gap("GetDataSource"),)}
    place = place_of(check, FIXTURES[check.id]["bad"], set_gaps=gaps)
    first, second = judged(catalogue, place, check.id)
    assert first.standing is Standing.UNDECIDED
    assert "The list of buckets holding generative AI data may be incomplete." in first.reason
    assert second.verdict is Verdict.NON_COMPLIANT


def test_an_empty_set_is_nothing_to_collect(catalogue: Catalogue) -> None:
    """No guardrails, no verdict, and a row that says so."""
    (found,) = judged(catalogue, a_place(guardrail=RecordSet()), "guardrail-kms")
    assert (found.verdict, found.standing) == (Verdict.NOT_APPLICABLE, Standing.OUT_OF_SCOPE)
    assert found.gap is not None
    assert found.gap.reason is GapReason.NOTHING_TO_COLLECT
    assert found.reason == "There are no guardrails in use here."


def test_an_empty_set_fails_where_the_check_says_so(catalogue: Catalogue) -> None:
    """An account without a trail does not pass for lack of trails."""
    (found,) = judged(catalogue, a_place(trail=RecordSet()), "trail-validated")
    assert (found.verdict, found.standing) == (Verdict.NON_COMPLIANT, Standing.JUDGED)


def test_an_empty_set_is_measured_by_the_account(catalogue: Catalogue) -> None:
    """Buckets without a backup plan fail; no buckets, nothing to back up; unknown, undecided."""
    expected: dict[Standing, tuple[list[str], tuple[Gap, ...]]] = {
        Standing.JUDGED: (["b"], ()),
        Standing.OUT_OF_SCOPE: ([], ()),
        Standing.UNDECIDED: ([], (a_gap("ListBuckets"),)),
    }
    for standing, (buckets, gaps) in expected.items():
        place = replace(
            a_place(backup_plan=RecordSet()), acct_gaps={"fact.bucketsHere": gaps} if gaps else {}
        )
        place.acct["fact"]["bucketsHere"] = buckets
        (found,) = judged(catalogue, place, "backup-plan-frequency")
        assert found.standing is standing


def test_a_set_that_was_never_built_is_undecided(catalogue: Catalogue) -> None:
    """Silence is not an empty set."""
    (found,) = judged(catalogue, a_place(), "guardrail-kms")
    assert found.standing is Standing.UNDECIDED


@pytest.mark.parametrize(
    ("check", "region"),
    [
        ("root-mfa", GLOBAL_REGION),
        ("account-public-block", GLOBAL_REGION),
        ("user-mfa", GLOBAL_REGION),
        ("restore-tested", REGION),
        ("trail-multi-region", REGION),
        ("bucket-versioned", REGION),
    ],
)
def test_each_check_is_run_in_its_kind_of_place(
    catalogue: Catalogue, check: str, region: str
) -> None:
    """IAM and the account once, all else in each Region; elsewhere nothing is said."""
    other = REGION if region == GLOBAL_REGION else GLOBAL_REGION
    assert judged_here(catalogue, catalogue.checks[check], a_place(region))
    assert not judged_here(catalogue, catalogue.checks[check], a_place(other))
    assert judged(catalogue, a_place(other), check) == []
    assert judged(catalogue, a_place(region), check) != []


def test_every_check_says_at_least_one_thing_somewhere(catalogue: Catalogue) -> None:
    """No check is silent in an empty account."""
    for name in catalogue.checks:
        found = [j for r in (REGION, GLOBAL_REGION) for j in judged(catalogue, a_place(r), name)]
        assert found, name
        assert all(j.verdict is not Verdict.COMPLIANT for j in found)


def test_inputs_name_everything_that_was_read(catalogue: Catalogue, place_of: PlaceOf) -> None:
    """Record and account answers are cited, each once."""
    check = catalogue.checks["custom-model-not-duplicate"]
    place = place_of(check, FIXTURES[check.id]["good"])
    own, listed = Input(digest="a", pointer="/0"), Input(digest="b", pointer="")
    (record,) = place.sets["custom_model"].records
    place = replace(
        place,
        sets={"custom_model": RecordSet(records=(replace(record, inputs=(own, own)),))},
        acct_inputs={"ListCustomModels": (listed,), "DescribeTrails": (own,)},
    )
    (found,) = judged(catalogue, place, check.id)
    assert found.inputs == (own, listed)


def test_a_synthetic_answer_of_the_account_marks_the_judgement(
    catalogue: Catalogue, place_of: PlaceOf
) -> None:
    """What rests on an emulator says so."""
    check = catalogue.checks["root-mfa"]
    place = replace(place_of(check, FIXTURES[check.id]["good"]), synthetic=True)
    (found,) = judged(catalogue, place, check.id)
    assert found.synthetic
