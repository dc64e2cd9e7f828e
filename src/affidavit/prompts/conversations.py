"""Prompts that are lists of messages, as promptfoo's users write them: JSON, or YAML (`- role:`).

A list is read before its templates are filled in, so that a variable is never read as a message.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from affidavit.errors import UsageError
from affidavit.prompts.suites_yaml import Node, read, refuse

_MEANT: Final = re.compile(
    r"""\s*\[\s*\{(?=.*\brole["']?\s*:)(?=.*\bcontent["']?\s*:)""", re.DOTALL
)
"""A text that was meant for a list of messages, whatever it is."""
_YAML: Final = re.compile(r"\s*-\s+[\"']?role[\"']?\s*:")
_DUMPED: Final = re.compile(r'("content"\s*:\s*)\{\{([^{}]*)\|\s*dump\s*\}\}')
"""`{{ name | dump }}` in place of a text in quotes, which it becomes."""
_AS_TEXT: Final = "to send it as a text, begin with a word."
_MEMBERS: Final = {"role", "content"}
_ROLES: Final = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What is asked, as templates: the text that is asked last, and what comes before it."""

    line: int
    prompt: str
    system: str = ""
    earlier: tuple[tuple[str, str], ...] = ()
    """Role and content of the turns before `prompt`, oldest first."""


def conversation(name: str, prompt: Node) -> Conversation:
    """Return a prompt as a conversation: of a plain text, its only message.

    Raises `UsageError` for messages that cannot be sent as they are.
    """
    if isinstance(prompt.value, list):
        return _of_messages(name, prompt.line, prompt.plain())
    if not isinstance(prompt.value, str) or not prompt.value.strip():
        refuse(name, prompt.line, "A prompt is a text that is not empty, or a list of messages.")
    messages = _parsed(name, prompt)
    if messages is None:
        return Conversation(line=prompt.line, prompt=prompt.value)
    return _of_messages(name, prompt.line, messages)


def _parsed(name: str, prompt: Node) -> list[Any] | None:
    """Return the messages of a text; None where it is none of a list of them."""
    text = prompt.value
    if _YAML.match(text):
        try:
            tree = read(f"messages:\n{text}".encode("utf-8", "replace"), name)
        except UsageError as error:
            _unread(name, prompt.line, error.why)
        if tree.value.keys() != {"messages"}:
            _unread(name, prompt.line, "something follows their list")
        found = tree.plain()["messages"]
    else:
        try:
            found = _json(text)
        except (ValueError, RecursionError) as error:
            if _MEANT.match(text):
                _unread(name, prompt.line, str(error))
            return None
    if isinstance(found, dict) and isinstance(found.get("messages"), list):
        refuse(name, prompt.line, "It is an object with `messages`: write their list alone.")
    meant = isinstance(found, list) and any(isinstance(m, dict) and "role" in m for m in found)
    return found if meant else None


def _json(text: str) -> Any:
    """Return what JSON holds; raise `ValueError` for half a character too, which cannot be sent."""
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError:
        quoted = _DUMPED.sub(lambda m: m[1] + json.dumps("{{" + m[2] + "}}"), text)
        found = json.loads(quoted, object_pairs_hook=_once)
    json.dumps(found, ensure_ascii=False).encode()
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        message = "a member stands twice"
        raise ValueError(message)
    return made


def _unread(name: str, line: int, why: str) -> NoReturn:
    refuse(
        name,
        line,
        f"Its messages cannot be read ({why:.200}). Write JSON without loops or `_conversation`,"
        f' variables in quotes ("content": "{{{{name}}}}"); {_AS_TEXT}',
    )


def _of_messages(name: str, line: int, messages: list[Any]) -> Conversation:
    said = [_message(name, line, place, one) for place, one in enumerate(messages, 1)]
    system = said.pop(0)[1] if said and said[0][0] == "system" else ""
    wanted = [("user", "assistant")[place % 2] for place in range(len(said))]
    if [role for role, _ in said] != wanted or len(said) % 2 == 0:
        roles = ", ".join(str(one["role"]) for one in messages)
        refuse(
            name,
            line,
            f"Its roles are {roles}. Bedrock takes one system message at most, first, then user"
            " and assistant in turn, the user's last: join or reorder the messages.",
        )
    return Conversation(line=line, prompt=said[-1][1], system=system, earlier=tuple(said[:-1]))


def _message(name: str, line: int, place: int, message: Any) -> tuple[str, str]:
    """Return role and content of a message; whatever else it holds would not be sent."""
    if not isinstance(message, dict) or not message.keys() >= _MEMBERS:
        refuse(name, line, f"Message {place} is no mapping with `role` and `content`; {_AS_TEXT}")
    others = ", ".join(sorted(message.keys() - _MEMBERS))
    if others:
        refuse(name, line, f"Message {place} has {others}, which is not sent here: take it out.")
    role, content = message["role"], message["content"]
    if role not in _ROLES:
        known = ", ".join(_ROLES)
        refuse(name, line, f"Message {place} has the role {role!r:.80}; known are {known}.")
    if not isinstance(content, str) or not content.strip():
        refuse(
            name,
            line,
            f"The content of message {place} is no text (parts, images and tools are not sent"
            " here), or empty: write a text.",
        )
    return role, content
