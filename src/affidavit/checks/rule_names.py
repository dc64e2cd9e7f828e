"""Which AWS Config rule a keyword means, as Audit Manager writes keywords.

A managed rule is named by its identifier in capitals, a custom one by `Custom_` and its name. Rules
that conformance packs and Organizations made are named without the suffix that AWS Config added:
`Custom_OrgConfigRule-s3-versioning` is OrgConfigRule-s3-versioning-dbgzf8ba (API reference,
SourceKeyword).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

CUSTOM: Final = "Custom_"
MAKERS: Final = ("config-conforms.amazonaws.com", "config-multiaccountsetup.amazonaws.com")
"""Services whose rules carry a suffix (`CreatedBy`): conformance packs, Organizations."""
_SUFFIX: Final = re.compile(r"-[a-z0-9]{8,9}")


def is_rule(rule: Mapping[str, Any], keyword: str) -> bool:
    """Tell whether a rule of DescribeConfigRules is the one that a keyword means."""
    if not keyword.startswith(CUSTOM):
        return bool(rule.get("Source", {}).get("SourceIdentifier") == keyword)
    wanted, name = keyword.removeprefix(CUSTOM), str(rule.get("ConfigRuleName", ""))
    if name == wanted:
        return True
    made = rule.get("CreatedBy") in MAKERS
    return made and name.startswith(wanted) and bool(_SUFFIX.fullmatch(name[len(wanted) :]))
