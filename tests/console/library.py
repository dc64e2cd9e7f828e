"""What pages of the library show: a custom control and a framework that uses it."""

from typing import Any, Final

TENANT: Final = "111122223333/us-east-1"
EVIL: Final = "<script>alert(3)</script>"
SOURCE: Final = {
    "sourceName": "Buckets",
    "sourceType": "AWS_API_Call",
    "sourceKeyword": {
        "keywordInputType": "SELECT_FROM_LIST",
        "keywordValue": "cloudtrail_DescribeTrails",
    },
}


def fill(made: Any) -> None:
    """Make a custom control of two sources, a framework of it and standard ones, and share it."""
    config = {
        "sourceName": "Rule",
        "sourceType": "AWS_Config",
        "sourceKeyword": {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": "Custom_ours"},
    }
    control = made.ask(
        "owner",
        "CreateControl",
        name=f"Trails are ours {EVIL}",
        description=f"Of the trails {EVIL}",
        controlMappingSources=[SOURCE, config],
    )["control"]
    shipped = made.context.catalogue.framework.control_sets[0].controls[:2]
    framework = made.ask(
        "owner",
        "CreateAssessmentFramework",
        name=f"Our framework {EVIL}",
        controlSets=[
            {"name": "First", "controls": [{"id": one.uuid} for one in shipped]},
            {"name": "Second", "controls": [{"id": control["id"]}]},
        ],
    )["framework"]
    made.ask(
        "owner",
        "StartAssessmentFrameworkShare",
        frameworkId=framework["id"],
        destinationAccount="444455556666",
        destinationRegion="eu-central-1",
        comment=f"Please use it {EVIL}",
    )


def custom(made: Any, kind: str) -> str:
    """Return the id of the custom framework or control that `fill` made."""
    (found, *_) = made.store.documents.every(TENANT, kind)
    return str(found.id)


def source(made: Any) -> str:
    """Return the id of the first source of the custom control that `fill` made."""
    control = made.ask("owner", "GetControl", controlId=custom(made, "control"))["control"]
    return str(control["controlMappingSources"][0]["sourceId"])
