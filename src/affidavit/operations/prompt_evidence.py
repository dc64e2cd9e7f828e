"""A kept run of prompts as manual evidence: two files, whatever the number of prompts."""

import json

from affidavit.aws.manual_evidence import ControlPlace, add_files
from affidavit.aws.settings import AwsSettings
from affidavit.operations.prompt_showing import KeptRun, show
from affidavit.prompts import results as counted
from affidavit.settings import Settings


def add(settings: Settings, run: str, aws: AwsSettings, place: ControlPlace) -> list[str]:
    """Add a kept run to a control as manual evidence; return the names of its files."""
    return add_files(aws, place, files_of(show(settings, run)))


def files_of(kept: KeptRun) -> dict[str, bytes]:
    """Return a run's files: all that was kept of it (masked), and a page for people."""
    name = f"prompts-{kept.run['suite']}-{kept.run['runId']}"
    document = {"run": dict(kept.run), "metrics": dict(kept.metrics), "cases": list(kept.cases)}
    return {
        f"{name}.json": json.dumps(document, indent=1, ensure_ascii=False).encode(),
        f"{name}.txt": _page(kept).encode(),
    }


def _page(kept: KeptRun) -> str:
    run, tally = kept.run, counted.tally(kept.cases)
    mark = "SYNTHETIC: not AWS answered. Proof of nothing.\n" if run["synthetic"] else ""
    guardrail = ":".join(filter(None, (run["guardrailId"], run["guardrailVersion"]))) or "none"
    counts = (
        f"{tally.passed} of {tally.cases} cases passed, {tally.failed} failed,"
        f" {tally.errors} without a decision"
    )
    lines = [
        f"{mark}Suite {run['suite']} (digest {run['suiteDigest']})",
        f"Model {run['modelId']}, guardrail {guardrail}",
        f"Account {run['accountId']}, Region {run['region']}, asked by {run['callerArn']}",
        f"Run {run['runId']}, finished {run['finishedAt']}, by {run.get('tool', '')}",
        f"Digest of the cases {run.get('casesDigest', '')}, in Affidavit's ledger",
        "",
        counts,
        *(f"{name}: {value}" for name, value in run.get("summary", {}).items()),
        "",
        "Cases that did not pass:",
    ]
    for case in kept.cases:
        if case["verdict"] != counted.PASSED:
            why = "; ".join(o["reason"] for o in case["outcomes"] if o["value"] is not True)
            lines.append(f"- {case['case']} ({case['family']}), {case['verdict']}: {why}")
    return "\n".join(lines) + "\n"
