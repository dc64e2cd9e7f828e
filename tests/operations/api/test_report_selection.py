"""Report selection: folders as they were, single items, and a leaf for every change."""

from typing import Any

import pytest

from affidavit.operations.faults import ValidationFault


class Chosen:
    """The first folder of an assessment, and what is selected of it."""

    def __init__(self, owner: Any, collected: Any) -> None:
        self.owner = owner
        self.collected = collected
        collected.run()
        self.assessment = {"assessmentId": collected.assessment.id}
        folders = owner("GetEvidenceFoldersByAssessment", **self.assessment)["evidenceFolders"]
        self.place = {**self.assessment, "evidenceFolderId": folders[0]["id"]}

    def items(self) -> list[dict[str, Any]]:
        """Return the folder's evidence as answered."""
        ask = {**self.place, "controlSetId": self.collected.set_name}
        found: list[dict[str, Any]] = self.owner("GetEvidenceByEvidenceFolder", **ask)["evidence"]
        return found

    def count(self) -> int:
        """Return how many are selected; the folder's counter and the items agree."""
        ask = {**self.place, "controlSetId": self.collected.set_name}
        folder = self.owner("GetEvidenceFolder", **ask)["evidenceFolder"]
        marked: int = sum(one["assessmentReportSelection"] == "Yes" for one in self.items())
        assert folder["assessmentReportSelectionCount"] == marked
        return marked


@pytest.fixture
def chosen(owner: Any, collected: Any) -> Chosen:
    """Give a folder of six items, none selected."""
    return Chosen(owner, collected)


def test_a_folder_is_selected_as_it_is(owner: Any, chosen: Chosen) -> None:
    """Later evidence is not selected by itself, until the folder is selected again."""
    owner("AssociateAssessmentReportEvidenceFolder", **chosen.place)
    assert chosen.count() == 6
    chosen.collected.installation.clock.forward(minutes=1)
    chosen.collected.run()
    assert chosen.count() == 6
    late = chosen.items()[-1]["id"]
    owner("BatchAssociateAssessmentReportEvidence", **chosen.place, evidenceIds=[late])
    assert chosen.count() == 7
    owner("AssociateAssessmentReportEvidenceFolder", **chosen.place)
    assert chosen.count() == 12
    owner("DisassociateAssessmentReportEvidenceFolder", **chosen.place)
    assert chosen.count() == 0


def test_single_items(owner: Any, chosen: Chosen) -> None:
    """Items come and go by themselves; what the folder does not have is an error of its own."""
    ids = [one["id"] for one in chosen.items()]
    wrong = chosen.collected.assessment.id
    answer = owner(
        "BatchAssociateAssessmentReportEvidence", **chosen.place, evidenceIds=[ids[0], wrong]
    )
    assert answer["evidenceIds"] == [ids[0]]
    assert [(e["evidenceId"], e["errorCode"]) for e in answer["errors"]] == [(wrong, "404")]
    again = owner("BatchAssociateAssessmentReportEvidence", **chosen.place, evidenceIds=ids[:2])
    assert again == {"evidenceIds": ids[:2], "errors": []}
    assert chosen.count() == 2
    owner("BatchDisassociateAssessmentReportEvidence", **chosen.place, evidenceIds=ids)
    assert chosen.count() == 0


def test_items_out_of_a_selected_folder(owner: Any, chosen: Chosen) -> None:
    """An item taken out of a selected folder stays out, and can be put back."""
    ids = [one["id"] for one in chosen.items()]
    owner("AssociateAssessmentReportEvidenceFolder", **chosen.place)
    owner("BatchDisassociateAssessmentReportEvidence", **chosen.place, evidenceIds=ids[:2])
    assert chosen.count() == 4
    owner("BatchAssociateAssessmentReportEvidence", **chosen.place, evidenceIds=[ids[0]])
    assert chosen.count() == 5


def test_every_change_is_a_leaf(owner: Any, chosen: Chosen) -> None:
    """The ledger says who selected what; asking twice writes nothing the second time."""
    ids = [one["id"] for one in chosen.items()]
    before = len(owner.leaves())
    for _ in range(2):
        owner("BatchAssociateAssessmentReportEvidence", **chosen.place, evidenceIds=ids[:1])
    (leaf,) = owner.leaves()[before:]
    assert ids[0] in leaf["details"]
    assert leaf["by"] == owner.caller.principal_arn
    with pytest.raises(ValidationFault, match="evidenceIds"):
        owner("BatchAssociateAssessmentReportEvidence", **chosen.place, evidenceIds=[])
