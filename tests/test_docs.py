"""The documentation is true: commands, settings and links exist."""

import re
from pathlib import Path

import click
import pytest

from affidavit.cli import main

ROOT = Path(__file__).parent.parent
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
]


def _commands(command: click.Command, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the path of every command that is not a group."""
    if not isinstance(command, click.Group):
        return [path]
    context = click.Context(command)
    found = []
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None
        found += _commands(child, (*path, name))
    return found


def _help(path: tuple[str, ...]) -> str:
    """Return the help text of a command as docs/reference/cli.md shows it."""
    command: click.Command = main
    context = click.Context(main, info_name="affidavit", **main.context_settings)
    for name in path[1:]:
        assert isinstance(command, click.Group)
        found = command.get_command(context, name)
        assert found is not None
        command = found
        context = click.Context(command, info_name=name, parent=context)
    context.formatter_class = click.HelpFormatter
    context.terminal_width = 80
    return command.get_help(context)


def cli_reference() -> str:
    """Return the whole of docs/reference/cli.md."""
    parts = [
        "# Command line\n",
        "Made by `python -m tests.test_docs`; a test compares.\n",
        "Exit codes: 0 done; 1 found, not verified; 2 wrong call; 3 not collected; 130 stopped.\n",
        f"```\n{_help(('affidavit',))}\n```\n",
    ]
    parts += [
        f"## {' '.join(path)}\n\n```\n{_help(path)}\n```\n"
        for path in _commands(main, ("affidavit",))
    ]
    return "\n".join(parts)


def test_cli_reference_is_true() -> None:
    """docs/reference/cli.md is what --help prints today."""
    page = ROOT / "docs" / "reference" / "cli.md"
    assert page.read_text(encoding="utf-8") == cli_reference()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and picture of a page exists."""
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_dependency_is_justified() -> None:
    """docs/decisions/dependencies.md has a line for each dependency of the package."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[\[>=<]", item, maxsplit=1)[0] for item in wanted}
    text = (ROOT / "docs" / "decisions" / "dependencies.md").read_text(encoding="utf-8")
    assert {name for name in names if f"| {name} " not in text} == set()


def test_readme_shows_the_two_commands() -> None:
    """A newcomer finds `make run` and `make test` in the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make run" in text
    assert "make test" in text


if __name__ == "__main__":
    (ROOT / "docs" / "reference" / "cli.md").write_text(cli_reference(), encoding="utf-8")
