"""Reports whose manifest, signed anew, says otherwise than the records: one for each false claim.

The operator has the key and may sign what he likes; only the records contradict him.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAYS = r"manifest\.json: says "


@dataclass(frozen=True)
class Claim:
    """A false claim, and the regular expression that the message about it must contain."""

    name: str
    expected: str
    members: Mapping[str, Any]
    """Members of the manifest; objects are changed in the members that they name."""


CLAIMS = (
    Claim("other-name", SAYS + "assessment: .*Another", {"assessment": {"name": "Another"}}),
    Claim("other-version", SAYS + "framework: .*9", {"framework": {"version": "9.9"}}),
    Claim("other-framework", SAYS + "framework: ", {"framework": {"id": "genai-v2"}}),
    Claim("other-catalogue", SAYS + "framework: ", {"framework": {"catalogue_digest": "0" * 64}}),
    Claim("no-day-without", SAYS + r"days without run: \[\]", {"days_without_run": []}),
    Claim("part", "does not say whether it holds all", {"completeness": "most"}),
    Claim(
        "backdated-report",
        SAYS + "generated_at .* not the time in its report_id",
        {"generated_at": "2026-01-05T06:00:00Z"},
    ),
    Claim(
        "backdated-report-and-id",
        SAYS + "generated_at .* holds a run that ended at",
        {
            "generated_at": "2026-01-05T06:00:00Z",
            "report_id": "019b8cbd-af00-7000-8000-000000000000",
        },
    ),
    Claim("unknown-claim", r"has the unknown member 'certified'", {"certified": "yes"}),
    Claim("twisted-day", "'2026W012' is not how a day", {"period": ["2026W012", "2026-01-08"]}),
    Claim("number-for-truth", "its synthetic is no bool", {"synthetic": 1}),
    Claim("other-tenant", "is of the tenant 999999999999/", {"tenant": "999999999999/us-east-1"}),
)


def make_all(good: Any, folder: Path) -> dict[str, Claim]:
    """Make every report in `folder` from `good` (`make_bad.Good`); return the claims by file."""
    for claim in CLAIMS:
        changed = {
            member: {**good.predicate[member], **value} if isinstance(value, dict) else value
            for member, value in claim.members.items()
        }
        good.write(folder / f"claim-{claim.name}.zip", {}, good.signer, **changed)
    return {f"claim-{claim.name}.zip": claim for claim in CLAIMS}
