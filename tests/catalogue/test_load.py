"""The shipped catalogue holds, and what does not hold is refused with file, line and reason."""

from collections.abc import Callable
from pathlib import Path

import pytest

from affidavit.catalogue import load, load_folder
from affidavit.checks.fanout import FAN_OUTS
from affidavit.errors import CatalogueError
from affidavit.model.canonical import digest
from affidavit.model.catalogue import content
from affidavit.model.framework import SourceType

Refusal = Callable[..., str]


def test_the_counts_of_the_framework() -> None:
    """8 control sets, 52 controls, 157 sources, 83 checks, 22 sets, 61 operations, 30 rules."""
    catalogue = load()
    controls = list(catalogue.framework.controls())
    assert len(catalogue.framework.control_sets) == 8
    assert len(controls) == 52
    assert [c.automation for c in controls].count("full") == 34
    assert [c.automation for c in controls].count("partial") == 18
    assert sum(len(c.sources) for c in controls) == 157
    assert len(catalogue.checks) == 83
    assert len(catalogue.resource_sets) == 22
    assert len(catalogue.operations) == 61
    assert len(catalogue.config_rules) == 30


def test_identifiers_never_change() -> None:
    """Evidence of years names these: a changed id would orphan it."""
    framework = load().framework
    control = framework.control_sets[0].controls[0]
    assert framework.uuid == "62ee4118-a6fa-5075-9c4f-a9ef859ff0af"
    assert framework.control_sets[0].uuid == "b99bc87b-1580-56ca-a93d-dd961f299efb"
    assert (control.id, control.uuid) == ("GENAI-RESP-01", "e39aed67-047d-5bdf-af89-df07391ae189")
    assert [source.id for source in control.sources] == [
        "8c019db7-e692-5d8f-a57e-ecbcfa3215b0",
        "78e025b3-5349-5fcc-84f4-f35ba2f2e460",
        "493a3205-c493-569d-baf2-fde051ea0652",
        "e2503c4e-35dd-523d-8598-753822d64965",
    ]
    assert (
        next(c.uuid for c in framework.controls() if c.id == "GENAI-SECU-10")
        == "5179e93e-3ecb-5ed4-9256-0a9ae8270c8d"
    )


def test_every_identifier_is_its_own() -> None:
    """No two controls or sources share a UUID."""
    framework = load().framework
    uuids = [c.uuid for c in framework.controls()]
    uuids += [s.id for c in framework.controls() for s in c.sources]
    assert len(set(uuids)) == len(uuids) == 52 + 157


def test_sources_carry_what_people_read() -> None:
    """Name, scope and frequency follow from the check and the type."""
    sources = {s.type: s for c in load().framework.controls() for s in c.sources}
    assert {s.value for s in sources} == {s.value for s in SourceType} - {"AWS_Security_Hub"}
    assert all(s.name and s.scoping and s.frequency for s in sources.values())


def test_every_fan_out_exists() -> None:
    """What operations.yaml names, checks.fanout makes."""
    named = {operation.fan_out for operation in load().operations.values()}
    assert named <= set(FAN_OUTS)


def test_loading_twice_reads_once() -> None:
    """The catalogue is one value in a process."""
    assert load() is load()


def test_the_digest_follows_the_content(folder: Path) -> None:
    """Any change of a word is another version; a changed fixture or remark is not."""
    assert load_folder(folder).digest == load().digest
    fixtures = folder / "fixtures" / "alarms.yaml"
    fixtures.write_text(fixtures.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    assert load_folder(folder).digest == load().digest
    framework = folder / "framework.yaml"
    text = framework.read_text(encoding="utf-8")
    framework.write_text(text + "# more\n", encoding="utf-8")
    assert load_folder(folder).digest == load().digest
    name = load().framework.name
    framework.write_text(text.replace(name, f"{name}.", 1), encoding="utf-8")
    assert load_folder(folder).digest != load().digest
    assert digest(content(load())) == load().digest


def test_a_checks_digest_follows_its_rule(folder: Path) -> None:
    """Evidence names the version of the check: a changed default is another one."""
    path = folder / "checks" / "iam.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("max_key_age_days: 90", "max_key_age_days: 91"), encoding="utf-8")
    changed = {n: c.digest for n, c in load_folder(folder).checks.items()}
    differing = {n for n, c in load().checks.items() if c.digest != changed[n]}
    assert differing == {"keys-rotated"}


def test_a_folder_without_a_catalogue_is_refused(tmp_path: Path) -> None:
    """An empty folder is no empty framework."""
    with pytest.raises(CatalogueError, match="There is no catalogue"):
        load_folder(tmp_path)


IAM, BUCKETS, OPERATIONS = "checks/iam.yaml", "checks/buckets.yaml", "operations.yaml"
CASES = [
    pytest.param(
        IAM,
        [('applies: r.row.password_enabled == "true"', 'applies: r.row.password_enabled == "true')],
        "console-mfa applies does not compile",
        id="CEL that does not compile",
    ),
    pytest.param(
        IAM,
        [("r.stmt.Action.ex", "r.stmt.Actions.ex"), ("- r.stmt.Action\n", "- r.stmt.Actions\n")],
        "no-admin-statement: r.stmt.Actions: there is no Actions",
        id="a member that does not exist",
    ),
    pytest.param(
        BUCKETS,
        [('Status == "Enabled"', 'Status == "enabled"')],
        "r.GetBucketVersioning.Status is never 'enabled'",
        id="a value that is never answered",
    ),
    pytest.param(
        "checks/guardrails.yaml",
        [("[SEXUAL, VIOLENCE,", "[SEXUAL, GORE,")],
        "contentPolicy.filters[].type is never 'GORE'",
        id="a parameter's value that is never answered",
    ),
    pytest.param(
        "checks/guardrails.yaml",
        [('"LOW": 1, "MEDIUM": 2, "HIGH": 3}[f.inputStrength]', '"HIGH": 3}[f.inputStrength]')],
        "inputStrength may be LOW, which is not mapped",
        id="a table with holes",
    ),
    pytest.param(
        IAM,
        [("    - r.row.mfa_active\n", "    - r.row.mfa_active\n    - r.row.cert_1_active\n")],
        "user-mfa declares r.row.cert_1_active, which it does not read",
        id="a declaration of something unread",
    ),
    pytest.param(
        BUCKETS,
        [
            (
                (
                    "    - path: r.GetBucketVersioning.Status\n"
                    "      absent: Versioning was never switched on.\n"
                ),
                "    - r.GetBucketVersioning.Status\n",
            )
        ],
        "r.GetBucketVersioning.Status is optional, declared otherwise",
        id="an optional member declared as required",
    ),
    pytest.param(
        IAM,
        [("days(p.max_key_age_days)", "days(p.max_age)")],
        "keys-rotated: parameter max_age has no default",
        id="a parameter without default",
    ),
    pytest.param(
        IAM,
        [("params: {max_key_age_days: 90}", "params: {max_key_age_days: 90, other: 1}")],
        "keys-rotated: parameter other is never read",
        id="a parameter that nobody reads",
    ),
    pytest.param(
        BUCKETS,
        [("operations: [ListBuckets, GetBucketVersioning]", "operations: [ListBuckets]")],
        "so it needs the operation GetBucketVersioning",
        id="an operation that is read and not asked",
    ),
    pytest.param(
        IAM,
        [("resource_set: iam_user", "resource_set: iam_users")],
        "there is no resource set iam_users",
        id="an unknown resource set",
    ),
    pytest.param(
        IAM,
        [("  words: The user has", "  wrods: The user has")],
        "wrods is not known here",
        id="a typing error",
    ),
    pytest.param(
        OPERATIONS,
        [("operation: ListAgents", "operation: ListAllAgents")],
        "bedrock-agent has no operation ListAllAgents",
        id="an unknown operation",
    ),
    pytest.param(
        OPERATIONS,
        [("service: bedrock-agent\n", "service: bedrock-agents\n")],
        "botocore knows no service bedrock-agents",
        id="an unknown service",
    ),
    pytest.param(
        OPERATIONS,
        [("modelIdentifier:", "modelName:")],
        "GetCustomModel takes no member modelName",
        id="an unknown input",
    ),
    pytest.param(
        OPERATIONS,
        [("modelIdentifier:", "modelName:")],
        "GetCustomModel needs the member modelIdentifier",
        id="a missing input",
    ),
    pytest.param(
        OPERATIONS,
        [("sources[].byteContent.data", "sources[].byteContent.bytes")],
        "GetEvaluationJob answers nothing at inferenceConfig",
        id="a redaction that redacts nothing",
    ),
    pytest.param(
        OPERATIONS,
        [
            (
                "  operation: ListCustomModels\n",
                "  operation: ListCustomModels\n  parents: [GetCustomModel]\n",
            )
        ],
        "GetCustomModel is, in the end, its own parent",
        id="a circle of parents",
    ),
    pytest.param(
        "config_rules.yaml",
        [("ACCESS_KEYS_ROTATED: keys-rotated", "ACCESS_KEYS_ROTATED: keys-turned")],
        "ACCESS_KEYS_ROTATED: there is no check keys-turned",
        id="a rule without check",
    ),
    pytest.param(
        "controls/RESP.yaml",
        [("check: resource-tags", "check: no-tags")],
        "there is no check no-tags",
        id="a source without check",
    ),
    pytest.param(
        "controls/RESP.yaml",
        [("tag_keys: [DataSource,", "tags: [DataSource,")],
        "tags is no parameter of the check",
        id="a source's parameter that the check lacks",
    ),
    pytest.param(
        "controls/RESP.yaml",
        [("title: Training data provenance is documented", f"title: {'x' * 301}")],
        "control title has 301 characters, Audit Manager allows at most 300",
        id="a title that is too long",
    ),
    pytest.param(
        "controls/RESP.yaml",
        [("name: Responsible", "name: Responsible_AI")],
        "control set name does not match Audit Manager's pattern",
        id="a name with forbidden characters",
    ),
    pytest.param(
        "controls/RESP.yaml",
        [("automation: partial", "automation: full")],
        "GENAI-RESP-01: partial means that manual evidence is due",
        id="a full control with manual evidence",
    ),
    pytest.param(
        "framework.yaml",
        [("control_sets: [RESP, SAFE,", "control_sets: [RESP,")],
        "control set SAFE has no file or entry",
        id="a control set that is left out",
    ),
    pytest.param(
        "resource_sets.yaml",
        [("    GetGuardrail: one", "    GetGuardrail: some")],
        "guardrail: no such way to join: some",
        id="an unknown way to join",
    ),
    pytest.param(
        "metrics.yaml", [("stat: Sum", "stat: Total")], "stat is 'Total'", id="an unknown statistic"
    ),
    pytest.param(
        "metrics.yaml",
        [("invocations:", "logFailures:")],
        "logFailures stands twice",
        id="a key that stands twice",
    ),
    pytest.param("framework.yaml", [("id: genai-v1", "id: [genai-v1")], "expected", id="no YAML"),
]


@pytest.mark.parametrize(("name", "changes", "reason"), CASES)
def test_what_does_not_hold_is_refused(
    refusal: Refusal, name: str, changes: list[tuple[str, str]], reason: str
) -> None:
    """The refusal names the file, the line and the reason."""
    why = refusal(name, *changes)
    (line,) = [one for one in why.splitlines() if reason in one][:1]
    file, number, _ = line.split(":", maxsplit=2)
    assert file == name
    assert int(number) >= 1


def test_a_refusal_names_the_very_line(refusal: Refusal, folder: Path) -> None:
    """A reader goes straight to what is wrong."""
    why = refusal("metrics.yaml", ("stat: Sum", "stat: Total"))
    lines = (folder / "metrics.yaml").read_text(encoding="utf-8").splitlines()
    wrong = lines.index("  stat: Total") + 1
    assert why.startswith(f"metrics.yaml:{wrong}: stat is 'Total'")


def test_all_problems_are_named_at_once(refusal: Refusal) -> None:
    """Nobody has to run it once for every mistake."""
    mistaken = "stat is 'Total'; known are Average, Maximum, Minimum, SampleCount, Sum"
    why = refusal("metrics.yaml", ("stat: Sum", "stat: Total"), ("namespace:", "nspace:"))
    reasons = [line.split(": ", maxsplit=1)[1] for line in why.splitlines()]
    assert reasons == ["namespace is missing", "nspace is not known here", mistaken]


def test_a_file_that_is_missing_is_named(folder: Path) -> None:
    """A folder without its operations is refused."""
    (folder / "operations.yaml").unlink()
    with pytest.raises(CatalogueError, match=r"operations\.yaml:1: cannot be read"):
        load_folder(folder)
