"""`python -m affidavit.demo.bedrock`: says where it listens, ends with its input."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from affidavit.aws.bedrock import Runtime
from affidavit.aws.settings import AwsSettings
from affidavit.demo.bedrock.local_model import MODEL_ID, LocalModel
from affidavit.demo.bedrock.server import CLOUDWATCH_FILE, serve
from affidavit.prompts.target import Request
from affidavit.prompts.targets import BedrockTarget

GGUF = os.environ.get("AFFIDAVIT_TEST_GGUF", "")


def test_process(tmp_path: Path) -> None:
    """It writes its loopback URL first, and when its input ends it ends well, logs written."""
    command = [sys.executable, "-m", "affidavit.demo.bedrock", "--log-folder", str(tmp_path)]
    done = subprocess.run(
        command, input="", capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.startswith("http://127.0.0.1:")
    assert done.stderr == ""
    assert (tmp_path / CLOUDWATCH_FILE).exists()


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    """`--model` with a file that is no GGUF ends with words, before anything is served."""
    path = tmp_path / "model.gguf"
    path.write_bytes(b"not a model")
    command = [sys.executable, "-m", "affidavit.demo.bedrock", "--model", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode != 0
    assert "is no GGUF file" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(
    not GGUF,
    reason="opt-in: AFFIDAVIT_TEST_GGUF names the file of a model, which nobody but you can choose",
)
def test_a_real_model_answers() -> None:
    """A model of the user's own answers through Converse."""
    with serve(local=LocalModel(Path(GGUF))) as url:
        settings = AwsSettings(access_key="x", secret_key="y", endpoint_url=url, region="us-east-1")
        with Runtime(settings, region="us-east-1") as runtime:
            answer = BedrockTarget(runtime, MODEL_ID).ask(
                Request(prompt="What is the capital of France?")
            )
    assert answer.error == ""
    assert "Paris" in (answer.text or "")
