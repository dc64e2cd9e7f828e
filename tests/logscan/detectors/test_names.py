"""Names and addresses by a model, which stands in a folder of its own (`make test-slow` makes it).

The model brings numpy, which pyarrow would load in every test: so it is looked for in a process of
its own that finds that folder.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from affidavit.aws.settings import AwsSettings
from affidavit.errors import UsageError
from affidavit.logscan.detectors.names import SpacyNames, is_installed
from affidavit.operations.prompt_aids import Aids
from affidavit.operations.prompt_requests import PromptCall, opened

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".venv-names"
SCRIPT = """
from affidavit.logscan.detectors import Detectors
from affidavit.logscan.detectors.names import SpacyNames

detectors = Detectors(names=SpacyNames())
text = "\\ud800 My name is Maria Gonzalez, call me at 415-555-0132."
print(ascii(detectors.mask(text)))
"""


@pytest.mark.skipif(is_installed(), reason="the extra `names` is installed")
def test_missing_model_is_said() -> None:
    """Without the extra the call says what to install; it never finds nothing in silence."""
    with pytest.raises(UsageError, match="cannot be looked for"):
        SpacyNames()
    asked = PromptCall(
        suite="refusal",
        model_id="m",
        aws=AwsSettings(),
        recorded=Path(os.devnull),
        aids=Aids(names=True),
    )
    with pytest.raises(UsageError, match="cannot be looked for"), opened(asked):
        pass


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(
    not (FOLDER / ".installed").exists(), reason="NOT RUN: no model (make test-slow installs it)"
)
def test_names_are_masked() -> None:
    """A person's name is masked beside a telephone number, a lone surrogate notwithstanding."""
    environment = {**os.environ, "PYTHONPATH": str(FOLDER)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == r"'\ud800 My name is {NAME}, call me at {PHONE}.'", done.stderr


def test_the_lock_is_of_what_the_extra_asks_for() -> None:
    """requirements/names.in names what pyproject.toml's extra `names` does."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "requirements" / "names.in").read_text(encoding="utf-8").splitlines()
    asked = [line for line in lines if not line.startswith("#")]
    assert asked == project["optional-dependencies"]["names"]
