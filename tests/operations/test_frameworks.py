"""Frameworks as operations: list, get, export, the Config rule mapping."""

import csv
import io
import json

import pytest
import yaml

from affidavit import catalogue as catalogue_package
from affidavit.errors import UsageError
from affidavit.model.framework import SourceType
from affidavit.operations import frameworks


def test_list_counts_what_the_framework_holds() -> None:
    """One line says how much there is."""
    (found,) = frameworks.list_frameworks()
    assert (found.id, found.control_sets, found.controls) == ("genai-v1", 8, 52)
    assert (found.full, found.partial, found.sources, found.checks) == (34, 18, 157, 83)


def test_a_framework_is_found_by_id_and_uuid() -> None:
    """Both names lead to the same framework; another is refused in words."""
    framework = frameworks.get_framework("genai-v1").framework
    assert frameworks.get_framework(framework.uuid).framework is framework
    with pytest.raises(UsageError, match="There is no framework soc2"):
        frameworks.get_framework("soc2")


def test_both_exports_say_the_same() -> None:
    """YAML and JSON hold the whole framework with its checks."""
    catalogue = catalogue_package.load()
    as_json = json.loads(frameworks.text_of(catalogue, "json"))
    assert yaml.safe_load(frameworks.text_of(catalogue)) == as_json
    assert len(as_json["checks"]) == 83
    control = as_json["framework"]["control_sets"][0]["controls"][0]
    assert control["id"] == "GENAI-RESP-01"
    assert control["sources"][0]["check"] == "resource-tags"


def test_the_mapping_has_a_row_for_each_config_source() -> None:
    """Nothing is left out, and every identifier is one of the 30 rules."""
    catalogue = catalogue_package.load()
    rows = list(csv.reader(io.StringIO(frameworks.config_rule_mapping_csv(catalogue.framework))))
    assert rows[0] == ["Control set", "Control", "Control title", "AWS Config rule identifier"]
    expected = [
        s.keyword
        for c in catalogue.framework.controls()
        for s in c.sources
        if s.type is SourceType.CONFIG
    ]
    assert [row[3] for row in rows[1:]] == expected
    assert set(expected) == set(catalogue.config_rules)
    assert len(set(expected)) == 30


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    """A spreadsheet shows the text and runs nothing."""
    assert frameworks.safe_cell(text) == f"'{text}"


def test_plain_cells_stay_as_they_are() -> None:
    """Only what would run is changed."""
    assert frameworks.safe_cell("S3_BUCKET_LOGGING_ENABLED") == "S3_BUCKET_LOGGING_ENABLED"
