"""Bedrock's models as targets: every family, both APIs, both streams, every kind of trouble."""

import tracemalloc
from collections.abc import Callable

import pytest

from affidavit.aws.bedrock import Runtime
from affidavit.aws.bedrock_bounds import MAX_ANSWER
from affidavit.aws.settings import AwsSettings, Bound
from affidavit.model.answering import ErrorKind
from affidavit.prompts.answers import State
from affidavit.prompts.target import Request
from affidavit.prompts.targets import BedrockTarget

Make = Callable[..., BedrockTarget]
PHONE = "My phone is 415-555-0132, what is it?"
MASKED = "My phone is {PHONE}, what is it?"
CHAT = (
    "demo.good",
    "amazon.titan-text-express-v1",
    "anthropic.claude-3-haiku-20240307-v1:0",
    "eu.amazon.nova-lite-v1:0",
    "arn:aws:bedrock:eu-central-1:111122223333:inference-profile/eu.amazon.nova-lite-v1:0",
    "meta.llama2-13b-chat-v1",
    "meta.llama3-8b-instruct-v1:0",
    "mistral.mistral-7b-instruct-v0:2",
    "mistral.mistral-large-2407-v1:0",
    "cohere.command-r-v1:0",
    "ai21.jamba-1-5-mini-v1:0",
    "deepseek.r1-v1:0",
    "openai.gpt-oss-20b-1:0",
)
TEXT_ONLY = (
    "anthropic.claude-v2",
    "amazon.titan-tg1-large",
    "cohere.command-text-v14",
    "ai21.j2-ultra-v1",
)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model_id", CHAT)
def test_chat_models(model_id: str, stream: bool, target: Make) -> None:
    """Converse is taken first; forced to InvokeModel the family's own body says the same."""
    request = Request(prompt=PHONE, stream=stream, metadata={"case": "1"})
    answers = [target(model_id).ask(request), target(model_id, api="InvokeModel").ask(request)]
    for answer, api in zip(answers, ("Converse", "InvokeModel"), strict=True):
        assert answer.error == ""
        assert answer.state is State.GIVEN
        assert answer.text == MASKED
        assert answer.stop_reason
        assert answer.api.startswith(api)
        assert answer.api.endswith("Stream") is stream
        assert (answer.input_tokens, answer.output_tokens) == (10, 9)
        assert answer.request_id
        assert answer.model_id == model_id
        assert answer.raw_request
        assert answer.raw_answer
        assert answer.synthetic


@pytest.mark.parametrize("model_id", TEXT_ONLY)
def test_text_models_are_invoked(model_id: str, target: Make) -> None:
    """What Converse does not take, the seed's legacy ids too, goes to InvokeModel at once."""
    answer = target(model_id).ask(Request(prompt=PHONE))
    assert answer.error == ""
    assert (answer.text or "").strip() == MASKED
    assert answer.api == "InvokeModel"


def test_falls_back(target: Make) -> None:
    """A model that says that Converse does not take it is invoked, and from then on at once."""
    model = target("demo.no-converse")
    assert [model.ask(Request(prompt="Hi")).api for _ in range(2)] == ["InvokeModel"] * 2
    assert target("demo.no-converse", api="Converse").ask(Request(prompt="Hi")).error_kind


@pytest.mark.parametrize("api", ["Converse", "InvokeModel"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model_id", "kind"),
    [
        ("demo.denied", ErrorKind.DENIED),
        ("demo.quota", ErrorKind.THROTTLED),
        ("demo.failing", ErrorKind.MODEL),
        ("demo.not-found", ErrorKind.NO_MODEL),
        ("demo.nope", ErrorKind.NO_MODEL),
        ("demo.large", ErrorKind.TOO_LARGE),
        ("demo.broken", ErrorKind.BROKEN),
        ("demo.torn", ErrorKind.BROKEN),
        ("demo.html", ErrorKind.MALFORMED),
    ],
)
def test_trouble(model_id: str, kind: ErrorKind, stream: bool, api: str, target: Make) -> None:
    """Each trouble is an answer with its kind and a message, never an answer that is given."""
    answer = target(model_id, api=api).ask(Request(prompt="Give a short answer", stream=stream))
    assert answer.error_kind == kind, answer.error
    assert len(answer.error) > 20
    assert answer.state is State.FAILED
    assert answer.attempts == 1


@pytest.mark.parametrize("api", ["Converse", "InvokeModel"])
def test_what_is_not_utf8(api: str, target: Make) -> None:
    """Bytes that are not UTF-8 are malformed; in the midst of a stream they break it off."""
    request = Request(prompt="Give a short answer")
    assert target("demo.not-utf8", api=api).ask(request).error_kind == ErrorKind.MALFORMED
    streamed = target("demo.not-utf8", api=api).ask(
        Request(prompt="Give a short answer", stream=True)
    )
    assert streamed.error_kind == ErrorKind.BROKEN
    assert streamed.text


@pytest.mark.parametrize("api", ["Converse", "InvokeModel"])
def test_a_stream_that_ends_with_an_exception(api: str, target: Make) -> None:
    """The exception is the error, and what was said before it is kept."""
    request = Request(prompt="Give a short answer", stream=True)
    answer = target("demo.stream-error", api=api).ask(request)
    assert answer.error_kind == ErrorKind.BROKEN
    assert "midst" in answer.error
    assert answer.text


def test_throttling_is_waited_out(target: Make) -> None:
    """One throttled call is repeated, and the answer says that it took two requests."""
    answer = target("demo.throttled-once").ask(Request(prompt="Hi"))
    assert answer.error == ""
    assert answer.attempts == 2


def test_throttled_for_ever(target: Make) -> None:
    """When every repetition is throttled too, that is what the answer says."""
    answer = target("demo.throttled").ask(Request(prompt="Hi"))
    assert answer.error_kind == ErrorKind.THROTTLED
    assert answer.attempts == 2


def test_memory_is_bounded(target: Make) -> None:
    """Of 5 MB no more than the limit and its copies is ever held."""
    model = target("demo.large", api="InvokeModel")
    tracemalloc.start()
    try:
        model.ask(Request(prompt="Hi"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The endpoint lives in the same process and holds its text about four times.
    assert peak < MAX_ANSWER * 12


@pytest.mark.parametrize("api", ["Converse", "InvokeModel"])
def test_guardrails(api: str, target: Make) -> None:
    """Masking is told from withholding by the trace, and a guardrail that let pass says so."""
    done = {}
    for prompt in ("call 415-555-0132", "what the fuck", "the capital of France?"):
        request = Request(prompt=prompt, guardrail_id="demoguardrail", guardrail_version="1")
        answer = target("demo.good" if "capital" in prompt else "demo.leaky", api=api).ask(request)
        done[answer.guardrail_action] = answer
    assert set(done) == {"ANONYMIZED", "INTERVENED", "NONE"}
    assert done["ANONYMIZED"].state is State.GIVEN
    assert "{PHONE}" in (done["ANONYMIZED"].text or "")
    assert done["INTERVENED"].state is State.FILTERED
    assert done["NONE"].text == "Paris"


def test_no_such_guardrail(target: Make) -> None:
    """A guardrail that does not exist is an error of its own, not an unguarded answer."""
    answer = target("demo.good").ask(Request(prompt="Hi", guardrail_id="nope"))
    assert answer.error_kind == ErrorKind.NO_MODEL
    assert answer.text is None


def test_nothing_answers() -> None:
    """Where nothing listens each answer says so, and after a few nothing is sent any more."""
    settings = AwsSettings(
        access_key="a",
        secret_key="b",
        endpoint_url="http://127.0.0.1:9",
        region="eu-central-1",
        max_attempts=1,
    )
    with Runtime(settings) as runtime:
        target = BedrockTarget(runtime, "demo.good")
        answers = [target.ask(Request(prompt="Hi")) for _ in range(4)]
    assert {answer.error_kind for answer in answers} == {ErrorKind.UNREACHABLE}
    assert answers[-1].error.startswith("Not asked")


def test_a_tenants_account_is_named(endpoint: str) -> None:
    """On behalf of a tenant our own credentials never ask a model."""
    settings = AwsSettings(
        access_key="a",
        secret_key="b",
        endpoint_url=endpoint,
        bound=Bound(tenant="111122223333/eu-central-1"),
    )
    for account_id in ("", "111122223333"):
        with Runtime(settings, account_id=account_id) as runtime:
            answer = BedrockTarget(runtime, "demo.good").ask(Request(prompt="Hi"))
        assert answer.error_kind == ErrorKind.DENIED
        assert answer.text is None


def test_bad_parameters(target: Make) -> None:
    """Parameters that botocore refuses are an answer too: nothing was sent."""
    answer = target("demo.good").ask(Request(prompt="Hi", parameters={"max_tokens": "many"}))
    assert answer.error_kind == ErrorKind.INVALID
    assert answer.attempts == 0


def test_an_unknown_family(target: Make) -> None:
    """Without a family nothing is guessed about bodies."""
    answer = target("acme.model-1", api="InvokeModel").ask(Request(prompt="Hi"))
    assert answer.error_kind == ErrorKind.INVALID
    assert "family" in answer.error


@pytest.mark.slow
def test_ministack(ministack: str) -> None:
    """A server that we did not write answers through Converse and InvokeModel, streams too."""
    settings = AwsSettings(
        access_key="test",
        secret_key="test",
        endpoint_url=ministack,
        region="us-east-1",
    )
    with Runtime(settings) as runtime:
        for model_id in (
            "anthropic.claude-3-haiku-20240307-v1:0",
            "amazon.nova-lite-v1:0",
            "amazon.titan-text-express-v1",
            "meta.llama3-8b-instruct-v1:0",
            "mistral.mistral-7b-instruct-v0:2",
        ):
            for api in ("Converse", "InvokeModel"):
                answer = BedrockTarget(runtime, model_id, api=api).ask(Request(prompt="Hello"))
                assert answer.error == "", (model_id, api)
                assert answer.state is State.GIVEN
        streamed = BedrockTarget(runtime, "amazon.nova-lite-v1:0").ask(
            Request(prompt="Hello", stream=True)
        )
        assert streamed.error == ""
        assert streamed.api == "ConverseStream"
        assert streamed.text
