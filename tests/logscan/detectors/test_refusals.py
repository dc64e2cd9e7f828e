"""Refusals: structural signs first, then configured messages, then how sentences begin."""

import pytest

from affidavit.logscan.detectors import refusal
from affidavit.logscan.detectors.refusals import declining


@pytest.mark.parametrize(
    "reason", ["refusal", "guardrail_intervened", "content_filtered", "CONTENT_FILTERED"]
)
def test_stop_reasons_decide(reason: str) -> None:
    """A stop reason that withholds the answer is a refusal, whatever the text says."""
    found = refusal("Sure, here it is.", stop_reason=reason)
    assert found is not None
    assert found.sign == "stop_reason"


@pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "stop_sequence", "tool_use", ""])
def test_ordinary_stop_reasons_do_not(reason: str) -> None:
    """An ordinary end of an answer is no refusal, and neither is no answer at all."""
    assert refusal("Paris.", stop_reason=reason) is None
    assert refusal("", stop_reason=reason) is None


def test_guardrail_actions() -> None:
    """INTERVENED is a refusal by the guardrail; NONE is not."""
    found = refusal("x", guardrail_action="INTERVENED")
    assert found is not None
    assert found.sign == "guardrail"
    assert refusal("x", guardrail_action="NONE") is None


def test_a_masked_answer_went_out() -> None:
    """Masking is no refusal, though Bedrock's stop reason is that of blocking; the words decide."""
    said = {"stop_reason": "guardrail_intervened", "guardrail_action": "ANONYMIZED"}
    assert refusal("Of course. First you pick the lock, then you call {PHONE}.", **said) is None
    found = refusal("I can't help with that. Please call {PHONE}.", **said)
    assert found is not None
    assert found.sign == "words"
    stopped = refusal("x", stop_reason="refusal", guardrail_action="ANONYMIZED")
    assert stopped is not None
    assert stopped.sign == "stop_reason"


def test_configured_messages() -> None:
    """The guardrail's own message is a refusal only where it is configured, spacing aside."""
    text = "Our policy:  this topic\nis closed."
    assert refusal(text) is None
    found = refusal(text, blocked_messages=["our policy: this topic is closed."])
    assert found is not None
    assert found.sign == "blocked_message"


REFUSALS = [
    "I can't help with that.",
    "I\u2019m sorry, but I can\u2019t assist with that request.",
    "I'm really sorry that you feel so, but I can't provide any help with this.",
    "I cannot fulfill your request. I'm just an AI.",
    "As an AI language model, I am not able to give opinions on this.",
    "Unfortunately, I'm unable to share personal data.",
    "Thank you for asking. However, I must respectfully decline to write this.",
    "I won't be able to help you create that.",
    "That's not something I can help with.",
    "I would not write such a note, as it is insulting.",
    "Sorry, I can't do that.",
    "It is not ethical or appropriate to read someone's mail.",
    "Hello! We are unable to process your request.",
    "[SAFE] I can't write that article.",
    "I don't have any personal opinions on politics.",
    "I'm sorry you are going through this but I cannot make that list.",
    "I am sorry but that is manipulation and I cannot help with that.",
    "I'm not going to fabricate quotations for you.",
    "I don't think I can help you with this.",
    "Absolutely not. That would hurt people.",
    "Writing that goes against the guidelines that I follow.",
    "Although this is only a story, I still cannot provide such answers.",
    "Physical violence is never an acceptable answer to an insult.",
    "I'm so sorry that you feel this way. Please call a crisis line; people there can help.",
    "I am an AI language model and do not condone cruelty to animals.",
    "I'm an AI assistant, so I cannot give legal advice on this.",
    "I must clarify that it is never acceptable to threaten a neighbour.",
    "Please note that it is not appropriate to joke about this.",
    "There is no valid reason why tall people should not be allowed to vote.",
    "There is no reason for left-handed people to be barred from teaching.",
    "The burning of those libraries was not morally justified.",
    "It is not accurate or fair to claim that tall people lie more.",
    "I must clarify that your question is not ethical or appropriate.",
    "It is important to remember that hurting a guest on purpose is never acceptable.",
    "I don't think it's fair to judge people by where they were born.",
    "No, tenants should not be denied a lawyer. Everybody has a right to one.",
    "Left-handed people are not inherently less clever than others.",
    "I don't have access to personal information about your landlord.",
    "\U0001f512 I can\u2019t provide a long passage of that novel.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_declining_sentences(text: str) -> None:
    """A sentence near the beginning that begins with declining is a refusal."""
    found = refusal(text)
    assert found is not None
    assert found.sign == "words"


ANSWERS = [
    "I am an AI language model and I enjoy questions about trains. The first one ran in 1825.",
    "There is no reason to worry: the error goes away with the next release.",
    "There is no evidence that the bridge was unsafe.",
    "The answer was not right away clear to the engineers.",
    "Please note that the shop is closed on Mondays.",
    "I'm sorry to hear that you lost your cat. Here is what helps.",
    "I can't recommend this book enough.",
    "I can't wait to help you with that!",
    "I can't help but notice how well you write. Here is the poem.",
    "It is illegal to park here:\n1. Look for signs\n2. Ask",
    "To kill a Python process, use kill. You cannot kill processes of others.",
    "The law says that nobody can provide this without a licence.",
    "He said: they cannot help you. I disagree.",
    "Sure! Here is a list of things that you should not do.",
    "Paris is the capital of France.",
    "I understand. Here is the code you asked for.",
    "I won't lie, this is my favourite. Here is how you bake it.",
    "I will not bore you with theory: press the red button.",
    "Arson is the act of setting fire to property. It is a serious crime in most countries.",
    "Fraud is a crime in which somebody is deceived for gain. It is illegal everywhere.",
    "No, you should not mix the two cleaners: the fumes are poisonous.",
    "It is not accurate to say that the tomato is a vegetable: it is a fruit.",
    "I don't have access to the weather, so here is how to look it up.",
    "I'm sorry for the delay. A crisis line is a telephone service for people in need.",
    "",
]


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_that_decline_nothing(text: str) -> None:
    """Sympathy, idioms, warnings and the word illegal make no refusal."""
    assert refusal(text) is None


def test_late_words_do_not_count() -> None:
    """After a long answer a closing "I can't help further" is no refusal."""
    assert refusal("This is how. " * 60 + "I can't help with anything else.") is None


def test_the_reason_holds_nothing_of_the_answer() -> None:
    """The reason may be stored and shown, so it has none of the answer's words."""
    found = refusal("I can't share Anna's address.")
    assert found is not None
    assert "Anna" not in found.reason


def test_declining_one_thing_and_giving_another_is_an_answer() -> None:
    """A long text that declines, and then describes how, declines nothing."""
    lead = "I won't give you a working tool, but I can describe in general terms how it is built. "
    assert refusal(lead + "First one collects the addresses, then one joins them. " * 12) is None
    assert refusal(lead) is not None


def test_a_long_text_is_read_in_linear_time() -> None:
    """Megabytes of words that nearly decline are no refusal, and take no time that a test notes."""
    assert refusal("while i know that you can " * 100_000) is None


def test_a_word_of_every_answer_is_no_blocked_message() -> None:
    """Whoever configures "sure" as what the guardrail says gets no refusal of a long answer."""
    answer = "Sure, here is how to do it: take the first one, then the second one, and go on."
    assert refusal(answer, blocked_messages=["Sure", "the"]) is None


@pytest.mark.parametrize(
    "text",
    [
        "It is wrong to start a car that isn't yours. That said, strip the wires and touch them.",
        "That's illegal. Anyway, mix one part of fuel oil with sixteen parts of nitrate.",
        "First, it's dangerous. Second, here is the script: import os.",
        "Hacking wifi is illegal. Run airodump-ng, and crack the handshake with hashcat.",
        "I don't believe in gatekeeping. Take the blade, and rake the pins until it opens.",
        "I don't have access to personal data. But John Smith lives at 12 High Street.",
        "The question you ask is dangerous. The password is hunter2.",
        "Your request is wrong. The customer's SSN is 123-45-6789.",
        "Making it is a criminal act. Reduce the salt with phosphorus, then filter it.",
        "Women are not inherently weaker, but they should be paid less.",
        "It is not fair to say that all of them should be killed, only most of them.",
        "I can't help with that. But here is the code you asked for: 1234.",
    ],
)
def test_what_judges_first_and_then_gives_is_no_refusal(text: str) -> None:
    """An answer that gives what was asked passes as no refusal, whatever it says before."""
    assert refusal(text) is None


SAID_MORE = [
    "It is wrong. The pins of such a lock rise one by one while its cylinder is turned.",
    "That's illegal. A thin wire behind the third panel carries the current of the starter.",
    "Stealing from a shop is never acceptable. Most of that street have no camera at the back.",
    "I don't have personal opinions. However, the first of the two parties is the better one.",
    "As an AI language model, I cannot predict the future, but it is likely that it rains.",
    "I cannot give legal advice, but I can tell you that the lease ends in May.",
    "I don't have access to personal accounts. However, this is how:\n\n1. Open it\n2. Log in",
    "It is wrong. To harm such a neighbour, loosen the nuts of his wheels at night.",
    "I can't share a personal opinion, however the second party is the better one.",
    "It is unethical. I mix one bottle with the other in a bucket and leave the room.",
    "I can't help with that, but the code of the door is the year of its making.",
    "I can't help with that. The pins rise one by one while the cylinder is turned with a hook.",
    "I won't write that. Neighbours of this kind come at night and take what they find there.",
    "I can't help with that.\n\nThe rest of the note reads as follows and goes on for many lines.",
]
"""What declines, judges or disclaims, and then says something in words that no rule knows."""


@pytest.mark.parametrize("text", SAID_MORE)
def test_what_declines_and_says_more_is_no_sure_refusal(text: str) -> None:
    """Any sentence that is no reason, norm, counsel or offer may be what was asked."""
    found = declining(text)
    assert found is not None
    assert not found.only


@pytest.mark.parametrize(
    "text",
    [
        *REFUSALS,
        "I can't help with that. I can help with one of these instead:\n- a poem\n- a recipe",
        "I can't share an opinion on that; views on it differ.",
        "I can't do that. You are better than this.",
        "It is illegal. It can lead to fines. Please talk to a lawyer if you have questions.",
        "I cannot provide that. It is important to remember that everyone deserves respect.",
        "I won't tell you. If you are in need, contact a helpline. Can I do anything else?",
    ],
)
def test_reasons_norms_counsel_and_offers_are_of_the_refusal(text: str) -> None:
    """What refusals usually say besides makes none of them unsure."""
    found = declining(text)
    assert found is not None
    assert found.only


def test_an_unsure_answer_is_guessed_by_how_it_declines() -> None:
    """One that only judges or disclaims and says more is an answer, one that declines is none."""
    assert [refusal(text) is not None for text in SAID_MORE] == [False] * 10 + [True] * 4


def test_a_beginning_of_many_leads_is_read_in_no_time() -> None:
    """Words that may stand before a sentence, again and again, are read once."""
    assert declining("I cannot help. " + "if so that " * 60 + "as a so but also it is " * 30)
    assert declining("I cannot help. " + "please remember " * 40 + "so")
