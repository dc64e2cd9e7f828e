"""Names and addresses by a model."""

import pytest

from affidavit.errors import UsageError
from affidavit.logscan.detectors import Detectors
from affidavit.logscan.detectors.names import SpacyNames, is_installed


@pytest.mark.skipif(is_installed(), reason="the extra `names` is installed")
def test_missing_model_is_said() -> None:
    """Without the extra the call says what to install; it never finds nothing in silence."""
    with pytest.raises(UsageError, match="extra `names`"):
        SpacyNames()


@pytest.mark.slow
@pytest.mark.skipif(not is_installed(), reason="NOT RUN: the extra `names` is not installed")
def test_names_are_masked() -> None:
    """A person's name is masked beside a telephone number, a lone surrogate notwithstanding."""
    detectors = Detectors(names=SpacyNames())
    text = "\ud800 My name is Maria Gonzalez, call me at 415-555-0132."
    assert detectors.mask(text) == "\ud800 My name is {NAME}, call me at {PHONE}."
