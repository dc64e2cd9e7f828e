"""`affidavit prompts` as a user meets it: tables, exit codes, bad input in words, nothing lost."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from affidavit.demo.bedrock.server import serve
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment, Estate
from affidavit.model.times import utc_now
from affidavit.settings import Settings
from affidavit.store import open_store

AFFIDAVIT = Path(sys.executable).parent / "affidavit"
ACCOUNT = "111122223333"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve our own endpoint."""
    with serve() as served:
        yield served


def _environment(folder: Path) -> dict[str, str]:
    return {
        **{k: v for k, v in os.environ.items() if k.startswith("COVERAGE_")},
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_EC2_METADATA_DISABLED": "true",
        "COLUMNS": "100",
    }


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(AFFIDAVIT), "prompts", *arguments],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def _asked(
    folder: Path, url: str, suite: str, model: str, *more: str
) -> tuple[int, dict[str, Any]]:
    """Return exit code and JSON of a run."""
    fast = ("--requests-per-second", "1000", "--region", "us-east-1", "--json")
    done = _run(folder, "run", suite, "--model", model, "--endpoint-url", url, *fast, *more)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def _assessment(folder: Path) -> None:
    settings = Settings(home=folder / "affidavit-data", keys=folder / "keys")
    made = Assessment(
        id=new_id(utc_now()),
        name="Mine",
        tenant=f"{ACCOUNT}/us-east-1",
        framework_id="genai-v1",
        estate=Estate(accounts=(ACCOUNT,), regions=("us-east-1",)),
        created_at=utc_now(),
        created_by="tester",
        parameters={},
    )
    with open_store(settings) as store:
        store.create_assessment(made, by="tester")


def test_a_leaky_model_fails_the_right_cases(tmp_path: Path, url: str) -> None:
    """The table names the families; every case with personal data fails; the run is kept."""
    _assessment(tmp_path)
    fast = ("--requests-per-second", "1000", "--region", "us-east-1", "--assessment", "Mine")
    done = _run(
        tmp_path, "run", "pii-masking", "--model", "demo.leaky", "--endpoint-url", url, *fast
    )
    assert done.returncode == 1, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][-1] == "AWS]"
    assert next(line for line in lines if line[:1] == ["all"])[:4] == ["all", "56", "-", "56"]
    shown = _run(tmp_path, "show", "last", "--json")
    kept = json.loads(shown.stdout)
    assert (kept["modelId"], kept["total"]["failed"]) == ("demo.leaky", 56)
    assert "since the last run" not in kept["summary"]
    listed = _run(tmp_path, "runs")
    assert kept["runId"] in listed.stdout
    code, good = _asked(tmp_path, url, "pii-masking", "demo.good")
    assert (code, good["total"]["passed"]) == (0, 56)


def test_imported_answers_are_judged_offline(tmp_path: Path) -> None:
    """Bedrock's evaluation lines are judged without a model, and can be turned into a suite."""
    lines = [
        {
            "prompt": f"Question {n}?",
            "referenceResponse": "Paris",
            "modelResponses": [{"response": said, "modelIdentifier": "m"}],
        }
        for n, said in enumerate(("Paris", "Rome"))
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    done = _run(tmp_path, "run", str(path), "--model", "m", "--own-answers", "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert [case["verdict"] for case in found["cases"]] == ["passed", "failed"]
    assert found["synthetic"] is True
    assert found["metrics"]["accuracy"]["exactMatch"]["count"] == 1
    out = tmp_path / "suite.yaml"
    assert _run(tmp_path, "import", str(path), "--out", str(out)).returncode == 0
    again = _run(tmp_path, "import", str(path), "--out", str(out))
    assert again.returncode == 2
    assert "is there already" in again.stderr
    done = _run(tmp_path, "run", str(out), "--model", "m", "--recorded", str(path), "--json")
    assert [case["verdict"] for case in json.loads(done.stdout)["cases"]] == ["passed", "failed"]


@pytest.mark.parametrize(
    ("suite", "says"),
    [
        ("prompts: [x]\ntests: [{assert: [{type: is-nice}]}]", "Unknown assertion: is-nice"),
        (
            (
                "prompts: ['{{a}}']\n"
                "tests: [{vars: {a: '{{b}}', b: '{{a}}'}, assert: [{type: no-pii}]}]"
            ),
            "a -> b -> a",
        ),
        ("prompts: [x]\ntests: [{assert: [{type: regex, value: '(?=x)'}]}]", "RE2"),
        ("prompts: &a [*a]\ntests: []", "holds itself"),
        ("a: !!python/object:os.system x", "Not a value"),
    ],
)
def test_a_wrong_suite_is_refused_before_anything_is_asked(
    tmp_path: Path, suite: str, says: str
) -> None:
    """What is wrong is said with file and line; no endpoint is needed to find it."""
    path = tmp_path / "wrong.yaml"
    path.write_text(suite, encoding="utf-8")
    done = _run(tmp_path, "run", str(path), "--model", "m", "--endpoint-url", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert says in done.stderr
    assert "wrong.yaml:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("model", "kind", "more"),
    [
        ("no.such-model", "no-model", ()),
        ("demo.denied", "denied", ()),
        ("demo.broken", "broken", ("--stream",)),
        ("demo.large", "too-large", ()),
        ("demo.not-utf8", "malformed", ()),
        pytest.param("demo.not-found", "no-model", (), marks=pytest.mark.slow),
        pytest.param("demo.torn", "broken", ("--stream",), marks=pytest.mark.slow),
        pytest.param("demo.stream-error", "broken", ("--stream",), marks=pytest.mark.slow),
        pytest.param("demo.html", "malformed", (), marks=pytest.mark.slow),
    ],
)
def test_trouble_is_said_and_the_run_goes_on(
    tmp_path: Path, url: str, model: str, kind: str, more: tuple[str, ...]
) -> None:
    """Every case is asked, has its own error, and none passes; the exit code tells."""
    suite = tmp_path / "two.yaml"
    suite.write_text(
        "prompts: ['What is the answer, {{n}}?']\n"
        "tests: [{vars: {n: [one, two]}, assert: [{type: not-contains, value: secret}]}]",
        encoding="utf-8",
    )
    code, found = _asked(tmp_path, url, str(suite), model, *more)
    assert code == 1
    assert [case["verdict"] for case in found["cases"]] == ["undecided"] * 2
    assert {case["answer"]["errorKind"] for case in found["cases"]} == {kind}
    assert all(case["answer"]["error"] for case in found["cases"])


def test_a_killed_run_resumes(tmp_path: Path, url: str) -> None:
    """After kill -9 the same command asks only what is open; what was in flight is marked."""
    _assessment(tmp_path)
    slow = ("--requests-per-second", "1", "--region", "us-east-1", "--json")
    command = [str(AFFIDAVIT), "prompts", "run", "refusal", "--model", "demo.good"]
    command += ["--endpoint-url", url, "--assessment", "Mine", *slow]
    journals = tmp_path / "affidavit-data" / "prompts"
    with subprocess.Popen(
        command, cwd=tmp_path, env=_environment(tmp_path), stdout=subprocess.DEVNULL
    ) as killed:
        end = time.monotonic() + 100
        while time.monotonic() < end:
            text = "".join(path.read_text() for path in journals.glob("*.jsonl"))
            if text.count('"done"') >= 3:
                break
            time.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
    (journal,) = journals.glob("*.jsonl")
    before = [json.loads(line) for line in journal.read_text().splitlines() if line.endswith("}")]
    recorded = {entry["done"]: entry["result"] for entry in before if "done" in entry}
    begun = {entry["begun"] for entry in before if "begun" in entry} - recorded.keys()
    assert recorded
    code, found = _asked(tmp_path, url, "refusal", "demo.good", "--assessment", "Mine")
    assert (code, found["total"]["passed"]) == (0, 19)
    assert found["runId"] == before[0]["run"]
    for case in found["cases"]:
        if case["case"] in recorded:
            assert case["askedAt"] == recorded[case["case"]]["askedAt"]
        assert case["repeated"] == (case["case"] in begun)
    assert not list(journals.glob("*.jsonl"))


def test_judges_and_guardrails_are_opt_in(tmp_path: Path, url: str) -> None:
    """The same suite is undecided without --judge and --online, and decided with them."""
    suite = tmp_path / "online.yaml"
    suite.write_text(
        "prompts: ['What is the capital of France?']\n"
        "tests:\n"
        "  - assert:\n"
        "      - {type: llm-judge, value: It answers the question., threshold: 0.01}\n"
        "  - assert: [{type: apply-guardrail, value: 'demoguardrail:1'}]\n",
        encoding="utf-8",
    )
    code, found = _asked(tmp_path, url, str(suite), "demo.sycophantic")
    assert (code, found["total"]["undecided"]) == (1, 2)
    more = ("--judge", "demo.judge", "--online")
    code, found = _asked(tmp_path, url, str(suite), "demo.sycophantic", *more)
    assert (code, found["total"]["passed"]) == (0, 2), found["cases"]
    assert found["scorers"] == "judge demo.judge, guardrails"
    assert "score" in found["cases"][0]["outcomes"][0]["evidence"]["answer"]


def test_an_export_says_what_is_left_out(tmp_path: Path) -> None:
    """Five files and a README; cases that need a detector are named."""
    done = _run(tmp_path, "export-canary", "pii-masking", "--model", "m", "--out", "here")
    assert done.returncode == 0, done.stderr
    assert "2 cases in here; 54 left out" in done.stdout
    names = {path.name for path in (tmp_path / "here").iterdir()}
    assert names == {
        *("canary-python.zip", "canary-node.zip", "lambda.zip"),
        *("requests.http", "commands.sh", "README.txt"),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", ["anthropic.claude-3-haiku-20240307-v1:0", "amazon.titan-tg1-large"]
)
def test_a_server_that_we_did_not_write(tmp_path: Path, ministack: str, model: str) -> None:
    """MiniStack answers Converse, or InvokeModel for the old model: judged, marked SYNTHETIC."""
    code, found = _asked(tmp_path, ministack, "pii-masking", model)
    assert code in {0, 1}
    assert found["synthetic"] is True
    assert found["total"]["cases"] == 56
    assert found["total"]["undecided"] == 0, found["cases"][0]["answer"]
    api = {case["answer"]["api"] for case in found["cases"]}
    assert api == {"InvokeModel" if "titan" in model else "Converse"}


def test_a_scripted_model_needs_no_endpoint(tmp_path: Path) -> None:
    """As issue 5 writes it: the begin of a suite's id, a scripted model, nothing else."""
    done = _run(tmp_path, "run", "profanity", "--model", "demo.leaky", "--json")
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    assert said["suite"] == "profanity-masking"
    assert said["synthetic"]
    assert said["total"]["failed"] > 0
    assert said["total"]["undecided"] == 0
    careful = _run(tmp_path, "run", "profanity", "--model", "demo.good")
    assert careful.returncode == 0, careful.stdout
    assert "Not kept as evidence" in careful.stdout
