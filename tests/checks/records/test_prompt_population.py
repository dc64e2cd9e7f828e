"""A suite decides its controls for every model in use and every guardrail of its calls, or not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.checks.records.conftest import HOME, FakeAccount
from tests.checks.records.prompted import SUITES, Prompted, Ran

from affidavit.checks.sets.prompt_coverage import BARE_SUFFICES
from affidavit.model.observation import GapReason
from affidavit.model.verdict import Standing, Verdict


@pytest.fixture(autouse=True)
def one_region(account: FakeAccount) -> None:
    """Ask one Region only: it is enough, and twice as quick."""
    account.regions = (HOME,)


OPEN = Verdict.NOT_APPLICABLE
NOVA, HAIKU = "us.amazon.nova-pro-v1:0", "us.anthropic.claude-haiku-4-5-20251001-v1:0"
NONE, FOUR, DRAFT = ("", ""), ("gr1234567890", "4"), ("gr1234567890", "DRAFT")
UNNAMED, NO_VERSION = ("?", "?"), ("gr1234567890", "?")
OURS = "arn:aws:bedrock:us-east-1:111122223333"
NAMES = (
    NOVA, HAIKU, "eu.mistral.mistral-large-2402-v1:0", "meta.llama3-3-70b-instruct-v1:0",
    f"{OURS}:imported-model/abc123abc123",
)  # fmt: skip
GUARDRAILS = (NONE, FOUR, DRAFT, ("gr1234567890", "3"), ("another00000", "4"))


def used(account: FakeAccount, *runs: Ran, **more: Any) -> Prompted:
    """Return an account that calls one model ten times a day, all through one guardrail."""
    known: dict[str, Any] = {"invoked": {NOVA: 10.0}, "logged": {NOVA: {FOUR: 10}}}
    return Prompted(account=account, runs=runs, **{**known, **more})


def test_a_run_with_the_guardrail_of_the_calls_decides(account: FakeAccount) -> None:
    """Each model in use passed behind what its calls have: compliant, and the evidence says so."""
    (found,) = used(account, Ran(model=NOVA, guardrail=FOUR)).judged()
    assert (found.verdict, found.gap) == (Verdict.COMPLIANT, None)
    assert found.attributes["guardrail"] == "guardrail gr1234567890 version 4"
    assert found.attributes["in use"] == (
        "yes; calls yesterday: 10 with guardrail gr1234567890 version 4"
    )


def test_a_model_in_use_without_a_run_is_a_gap_with_the_command(account: FakeAccount) -> None:
    """The gap names model, suite and command, and cites what says that the model is in use."""
    runs = [Ran(model=NOVA, guardrail=FOUR)]
    prompted = used(account, *runs, invoked={NOVA: 10.0, HAIKU: 3.0})
    gap = next(one for one in prompted.judged() if one.gap)
    assert gap.standing is Standing.UNDECIDED
    assert gap.gap is not None
    assert gap.gap.reason is GapReason.NOT_CONFIGURED
    assert gap.inputs
    assert f"The model {HAIKU} is in use (3 invocations in 13 days)" in gap.reason
    assert (
        f"affidavit prompts run refusal --model {HAIKU} --region {HOME} --assessment NAME"
        in gap.reason
    )
    assert prompted.verdict() is OPEN


@pytest.mark.parametrize(
    ("calls", "made", "verdict"),
    [
        (NONE, [FOUR], OPEN),
        (FOUR, [NONE], OPEN),
        (FOUR, [DRAFT], OPEN),
        (FOUR, [("gr1234567890", "3")], OPEN),
        (FOUR, [("another00000", "4")], OPEN),
        (FOUR, [NONE, FOUR], Verdict.COMPLIANT),
        (FOUR, [("arn:aws:bedrock:us-east-1:1:guardrail/gr1234567890", "4")], Verdict.COMPLIANT),
        (DRAFT, [("gr1234567890", "")], Verdict.COMPLIANT),
        (UNNAMED, [NONE, FOUR, DRAFT], OPEN),
        (NO_VERSION, [NONE, FOUR, DRAFT], OPEN),
    ],
)
def test_a_run_speaks_for_calls_with_its_own_guardrail(
    account: FakeAccount, calls: Any, made: list[Any], verdict: Verdict
) -> None:
    """Another guardrail, another version, or one more or less than the calls have, is a gap."""
    runs = [Ran(model=NOVA, guardrail=one) for one in made]
    assert used(account, *runs, logged={NOVA: {calls: 10}}).verdict() is verdict


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("calls", [FOUR, UNNAMED, NO_VERSION])
def test_only_personal_data_is_shown_without_the_guardrail(
    account: FakeAccount, suite: str, calls: Any
) -> None:
    """A guardrail adds no personal data; what else it changes, a run without it does not show."""
    prompted = used(account, Ran(model=NOVA, suite=suite), logged={NOVA: {calls: 10}})
    found = prompted.judged(suite)
    assert any(one.gap for one in found) == (suite not in BARE_SUFFICES)


def test_a_stand_in_speaks_for_no_model_that_aws_counts(account: FakeAccount) -> None:
    """AWS says that the model is called; what an emulator answered in its place shows nothing."""
    run = Ran(model=NOVA, guardrail=FOUR, synthetic=True)
    prompted = used(account, run)
    assert prompted.verdict() is OPEN
    assert any("answers of a stand-in" in one.reason for one in prompted.judged())
    assert used(account, run, Ran(model=NOVA, guardrail=FOUR)).verdict() is Verdict.COMPLIANT


def test_a_draft_that_was_changed_is_another_guardrail(account: FakeAccount) -> None:
    """A run speaks for a draft as it was; what it is since its change, nobody asked."""
    run, calls = Ran(model=NOVA, guardrail=DRAFT), {NOVA: {DRAFT: 10}}
    assert used(account, run, logged=calls).verdict() is Verdict.COMPLIANT
    changed = used(account, run, logged=calls, draft_changed="2026-03-15T12:31:00Z")
    assert changed.verdict() is OPEN
    assert "had guardrail gr1234567890 version DRAFT (changed since)" in "".join(
        one.reason for one in changed.judged()
    )
    amid = replace(run, asked="2026-03-15T12:28:00Z")
    assert used(account, amid, logged=calls).verdict() is Verdict.COMPLIANT
    between = used(account, amid, logged=calls, draft_changed="2026-03-15T12:29:00Z")
    assert between.verdict() is OPEN
    elsewhere = ("another00000", "DRAFT")
    foreign = used(account, Ran(model=NOVA, guardrail=elsewhere), logged={NOVA: {elsewhere: 1}})
    assert foreign.verdict() is OPEN


def test_one_call_without_guardrail_is_enough(account: FakeAccount) -> None:
    """A single call that nothing guards is answered by the model as it is."""
    prompted = used(account, Ran(model=NOVA, guardrail=FOUR), logged={NOVA: {FOUR: 9, NONE: 1}})
    gap = next(one for one in prompted.judged() if one.gap)
    assert "1 of its calls yesterday had no guardrail" in gap.reason
    assert "--guardrail" not in gap.reason


@pytest.mark.parametrize(
    "scan",
    [
        {"unreadInAll": 1, "unread": [{"objectUri": "s3://x", "why": "it is torn", "count": 1}]},
        {"guardUnknown": 2, "models": "incomplete"},
        {"models": "less"},
        {"models": "old"},
    ],
)
def test_calls_of_which_the_guardrail_is_not_known_need_a_run_without(
    account: FakeAccount, scan: dict[str, Any]
) -> None:
    """Unread objects, bodies kept apart, calls that the log lacks, scans of an older version."""
    one = {"modelId": NOVA, "records": 10, "errors": 0, "incomplete": 0, "unguarded": 0,
           "intervened": 0, "refused": 0, "profane": 0, "personal": []}  # fmt: skip
    told = {"guardrailId": FOUR[0], "guardrailVersion": FOUR[1]}
    models = {
        "incomplete": {**one, "incomplete": 2, "guardrails": [{**told, "records": 8}]},
        "less": {**one, "records": 5, "guardrails": [{**told, "records": 5}]},
        "old": one,
    }
    given = dict(scan)
    if "models" in given:
        given["models"] = [models[given["models"]]]
    guarded = Ran(model=NOVA, guardrail=FOUR)
    assert used(account, guarded, scan=given).verdict() is OPEN
    assert used(account, guarded, Ran(model=NOVA), scan=given).verdict() is Verdict.COMPLIANT


def test_without_a_log_the_run_without_guardrail_decides(account: FakeAccount) -> None:
    """Nothing is logged: which guardrail callers have, nobody knows, and the evidence says so."""
    assert used(account, Ran(model=NOVA, guardrail=FOUR), logged=None).verdict() is OPEN
    (found,) = used(account, Ran(model=NOVA), logged=None).judged()
    assert found.verdict is Verdict.COMPLIANT
    assert "guardrail is not known" in found.attributes["in use"]


def test_a_count_that_is_not_known_vouches_for_no_guardrail(account: FakeAccount) -> None:
    """Nothing is logged and CloudWatch gives no sum: callers may have had no guardrail."""
    silent: dict[str, Any] = {"invoked": {NOVA: None}, "logged": None}
    assert used(account, Ran(model=NOVA, guardrail=FOUR), **silent).verdict() is OPEN
    assert used(account, Ran(model=NOVA), **silent).verdict() is Verdict.COMPLIANT


def test_calls_that_cloudtrail_knows_and_the_log_does_not(account: FakeAccount) -> None:
    """A log is whole by CloudWatch's count, and CloudTrail has calls that are not in it."""
    calls = {"trail": "t", "calls": 10, "unlogged": 5, "listed": [], "unread": [], "why": ""}
    guarded, scan = Ran(model=NOVA, guardrail=FOUR), {"calls": calls}
    assert used(account, guarded, scan=scan).verdict() is OPEN
    assert used(account, guarded, Ran(model=NOVA), scan=scan).verdict() is Verdict.COMPLIANT


def test_a_log_may_know_of_use_that_cloudwatch_does_not_list(account: FakeAccount) -> None:
    """CloudWatch lists no model at all, and yesterday's log has calls: they need a run."""
    quiet: dict[str, Any] = {"invoked": {}, "logged": {NOVA: {NONE: 4}}}
    assert any("Run `affidavit" in one.reason for one in used(account, **quiet).judged())
    assert used(account, Ran(model=NOVA), **quiet).verdict() is Verdict.COMPLIANT


def test_a_log_that_may_not_be_read_leaves_all_open(account: FakeAccount) -> None:
    """There is a log, and it was refused: what it would say is not guessed."""
    account.refuses("FilterLogEvents")
    runs = [Ran(model=NOVA, guardrail=FOUR), Ran(model=NOVA)]
    assert used(account, *runs).verdict() is OPEN


@pytest.mark.parametrize("refused", ["ListMetrics", "GetModelInvocationLoggingConfiguration"])
def test_a_population_that_is_not_known_leaves_all_open(account: FakeAccount, refused: str) -> None:
    """Metrics or the logging configuration are denied: some model or guardrail may be missing."""
    account.refuses(refused)
    runs = [Ran(model=NOVA, guardrail=FOUR), Ran(model=NOVA)]
    prompted = used(account, *runs)
    assert prompted.verdict() is OPEN
    assert used(account, Ran(model=NOVA, passed=False)).verdict() is Verdict.NON_COMPLIANT


def test_a_model_whose_count_is_not_known_is_in_use(account: FakeAccount) -> None:
    """CloudWatch lists it and gives no sum: it needs a run as if it had been called."""
    run = Ran(model=NOVA, guardrail=FOUR)
    assert used(account, run, invoked={NOVA: 10.0, HAIKU: None}).verdict() is OPEN


def test_a_model_that_is_listed_with_other_dimensions_is_in_use(account: FakeAccount) -> None:
    """The sum over its ModelId alone is nothing because there is no such series."""
    silent: dict[str, Any] = {"invoked": {NOVA: 0.0}, "logged": {}}
    assert not any("The model" in one.reason for one in used(account, **silent).judged())
    apart = used(account, dimensions=("ModelId", "BucketedStepSize"), **silent)
    assert any("The model" in one.reason for one in apart.judged())


def test_a_model_that_was_not_called_yesterday_needs_any_run(account: FakeAccount) -> None:
    """It was called ten days ago: a run is needed, and no call says behind which guardrail."""
    quiet: dict[str, Any] = {"invoked": {}, "earlier": {NOVA: 5.0}, "logged": {}}
    assert used(account, **quiet).verdict() is OPEN
    for guardrail in (NONE, FOUR):
        run = Ran(model=NOVA, guardrail=guardrail)
        assert used(account, run, **quiet).verdict() is Verdict.COMPLIANT


def test_a_model_that_only_the_log_names_is_in_use(account: FakeAccount) -> None:
    """CloudWatch lists one model, the log has calls of another: both need a run."""
    run = Ran(model=NOVA, guardrail=FOUR)
    both = {NOVA: {FOUR: 10}, HAIKU: {NONE: 1}}
    assert used(account, run, logged=both).verdict() is OPEN
    assert used(account, run, Ran(model=HAIKU), logged=both).verdict() is Verdict.COMPLIANT


def test_a_model_not_in_use_stays_evidence(account: FakeAccount) -> None:
    """Where nothing is in use the runs decide, and say so; a failing one fails."""
    nothing: dict[str, Any] = {"invoked": {}, "logged": {}}
    (found,) = used(account, Ran(model=NOVA), **nothing).judged()
    assert found.verdict is Verdict.COMPLIANT
    assert found.attributes["in use"] == "no, not within 13 days"
    failing = Ran(model=HAIKU, passed=False)
    assert used(account, failing, **nothing).verdict() is Verdict.NON_COMPLIANT
    guarded = Ran(model=NOVA, guardrail=FOUR)
    assert used(account, guarded, failing).verdict() is Verdict.NON_COMPLIANT


def test_bedrock_without_a_model_in_use_still_needs_a_run(account: FakeAccount) -> None:
    """Guardrails are set up and nobody calls a model: without a run nothing was shown."""
    nothing: dict[str, Any] = {"invoked": {}, "logged": {}}
    (found,) = used(account, **nothing).judged()
    assert found.standing is Standing.UNDECIDED
    assert "No model was in use in us-east-1 within 13 days" in found.reason
    assert used(account, Ran(model=NOVA), **nothing).verdict() is Verdict.COMPLIANT
    other = Ran(model=NOVA, suite="known-answers")
    assert used(account, other, **nothing).verdict() is OPEN


def test_nothing_in_use_and_nothing_set_up_is_said(empty: FakeAccount) -> None:
    """It is known that there is nothing: the words say so, and the control does not stay open."""
    empty.regions = (HOME,)
    empty.answers("ListBuckets", {"Buckets": []})
    (found,) = used(empty, invoked={}, logged=None, has_guardrail=False).judged()
    assert found.standing is Standing.OUT_OF_SCOPE
    assert "No model that can be asked prompts was in use in us-east-1" in found.reason


@pytest.mark.parametrize(
    ("name", "modalities", "is_asked"),
    [
        ("amazon.titan-embed-text-v2:0", ["EMBEDDING"], False),
        ("amazon.titan-image-generator-v2:0", ["IMAGE"], False),
        ("cohere.rerank-v3-5:0", ["TEXT"], False),
        ("us.stability.stable-image-core-v1:1", ["IMAGE"], False),
        ("anthropic.claude-x", ["TEXT", "IMAGE"], True),
        ("anthropic.claude-x", [], True),
        ("somebody.unlisted", None, True),
    ],
)
def test_only_models_that_are_known_to_give_no_text_are_left_out(
    account: FakeAccount, name: str, modalities: list[str] | None, *, is_asked: bool
) -> None:
    """Embeddings, images and rankings cannot be asked prompts; what is not listed must be."""
    plain = name.removeprefix("us.")
    listed = [] if modalities is None else [{"modelId": plain, "outputModalities": modalities}]
    account.answers("ListFoundationModels", {"modelSummaries": listed})
    prompted = used(account, invoked={name: 4.0}, logged={name: {NONE: 4}})
    assert any(one.gap and "Run `affidavit" in one.reason for one in prompted.judged()) == is_asked


@pytest.mark.parametrize(
    ("called", "asked"),
    [
        (NOVA, "amazon.nova-pro-v1:0"),
        ("eu.amazon.nova-pro-v1:0", f"{OURS}:inference-profile/us.amazon.nova-pro-v1:0"),
        (f"{OURS}:provisioned-model/prov12345678", "prov12345678"),
        (
            f"{OURS}:provisioned-model/prov12345678",
            f"{OURS}:custom-model/amazon.nova-lite-v1:0:300k/abc123abc123",
        ),
    ],
)  # fmt: skip
def test_a_model_is_the_same_by_each_of_its_names(
    account: FakeAccount, called: str, asked: str
) -> None:
    """Inference profiles and provisioned throughputs stand for the model that they run."""
    prompted = used(account, Ran(model=asked), invoked={called: 4.0}, logged={called: {NONE: 4}})
    assert prompted.verdict() is Verdict.COMPLIANT


@pytest.mark.parametrize("name", ["app123", f"{OURS}:application-inference-profile/app123"])
def test_an_application_profile_is_the_model_that_it_runs(account: FakeAccount, name: str) -> None:
    """CloudWatch may name it by its bare id or by its ARN: both are the model behind it."""
    profile = {
        "inferenceProfileArn": f"{OURS}:application-inference-profile/app123",
        "models": [{"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-x"}],
        "status": "ACTIVE",
        "type": "APPLICATION",
    }
    account.answers("ListInferenceProfiles", {"inferenceProfileSummaries": [profile]})
    calls: dict[str, Any] = {"invoked": {name: 4.0}, "logged": {name: {NONE: 4}}}
    assert used(account, Ran(model="meta.llama3-x"), **calls).verdict() is Verdict.COMPLIANT
    assert used(account, Ran(model=NOVA), **calls).verdict() is OPEN


@pytest.mark.parametrize("change", ["2026-03-15T12:31:00Z", "", "denied"])
def test_a_throughput_may_run_another_model_since(account: FakeAccount, change: str) -> None:
    """A run by its name speaks for the model that it ran then; who changed it, changed that."""
    arn = f"{OURS}:provisioned-model/prov12345678"
    prompted = used(account, Ran(model=arn), invoked={arn: 4.0}, logged={arn: {NONE: 4}})
    assert prompted.verdict() is Verdict.COMPLIANT
    if change == "denied":
        account.refuses("ListProvisionedModelThroughputs")
    else:
        body = {"provisionedModelArn": arn, "modelArn": "amazon.nova-pro-v1:0",
                "status": "InService", "lastModifiedTime": change}  # fmt: skip
        account.answers("ListProvisionedModelThroughputs", {"provisionedModelSummaries": [body]})
    assert prompted.verdict() is OPEN


calls = st.dictionaries(st.sampled_from(GUARDRAILS), st.integers(1, 50), min_size=1, max_size=3)
estates = st.dictionaries(st.sampled_from(NAMES[:-1]), calls, min_size=1, max_size=3)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    estate=estates,
    suite=st.sampled_from(sorted({*SUITES} - {"fairness-pairs"})),
    change=st.sampled_from(["run", "model", "guardrail", "version", "unguarded", "lost", "failed"]),
    data=st.data(),
)
def test_less_shown_or_more_in_use_is_never_compliant(
    account: FakeAccount, estate: Any, suite: str, change: str, data: st.DataObject
) -> None:
    """One run less, one model more, another guardrail in the log, a run that failed: never passed.

    Before the change all is run, and the suite is compliant.
    """
    runs = [
        Ran(model=name, guardrail=one, suite=suite)
        for name, used_ in estate.items()
        for one in used_
    ]
    totals = {name: float(sum(used_.values())) for name, used_ in estate.items()}
    before = Prompted(account=account, invoked=totals, logged=estate, runs=runs)
    assert before.verdict(suite) is Verdict.COMPLIANT
    name = data.draw(st.sampled_from(sorted(estate)))
    at = data.draw(st.integers(0, len(runs) - 1))
    after = replace(before)
    if change == "run":
        dropped = runs[at]
        after.runs = [one for one in runs if one != dropped]
        bare = any(r.model == dropped.model and r.guardrail == NONE for r in after.runs)
        if suite in BARE_SUFFICES and bare:
            return
    elif change == "model":
        after.invoked = {**totals, NAMES[-1]: 1.0}
    elif change == "failed":
        after.runs = [replace(one, passed=n != at) for n, one in enumerate(runs)]
    else:
        others = {"guardrail": ("new000000000", "1"), "version": (FOUR[0], "9"), "unguarded": NONE}
        other = others.get(change)  # None: lost
        kept = dict(estate[name])
        count = kept.pop(min(kept))
        if other is not None:
            kept[other] = kept.get(other, 0) + count
        after.logged = {**estate, name: kept}
        if NONE in estate[name] and (suite in BARE_SUFFICES or change in {"unguarded", "lost"}):
            return
    assert after.verdict(suite) is not Verdict.COMPLIANT
