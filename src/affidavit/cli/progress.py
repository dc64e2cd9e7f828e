"""Progress of a run on a terminal; silent when the output is not one."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from affidavit.aws.identity import CallerIdentity
from affidavit.collector.execute import Asked
from affidavit.model.run import Estate
from affidavit.operations.prompt_sweep import Swept


class RunProgress:
    """A line an account: what is asked, how many known questions are done, rate, time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("[dim]{task.fields[now]}[/dim]"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def estate(self, identity: CallerIdentity, estate: Estate) -> None:
        """Say who collects what, and name everything that is left out."""
        if not self._console.is_terminal:
            return
        self._console.print(
            f"Collecting {len(estate.accounts)} account(s) in {', '.join(estate.regions)} "
            f"as {identity.arn}",
            highlight=False,
        )

    def asked(self, asked: Asked) -> None:
        """Move an account's line."""
        task = self._tasks.get(asked.account_id)
        if task is None:
            task = self._progress.add_task(asked.account_id, total=None, rate="", now="")
            self._tasks[asked.account_id] = task
        speed = self._progress.tasks[task].speed
        self._progress.update(
            task,
            completed=asked.done,
            total=asked.total,
            rate=f"{speed:.0f}/s" if speed else "",
            now=f"{asked.region} {asked.service}",
        )

    def swept(self, swept: Swept) -> None:
        """Move the line of an account's prompts."""
        name = f"{swept.model.account_id} prompts"
        task = self._tasks.get(name)
        if task is None:
            task = self._progress.add_task(name, total=swept.total, rate="", now="")
            self._tasks[name] = task
        now = f"{swept.model.model_id} {swept.suite}"
        self._progress.update(task, completed=swept.done, now=now)

    def reporting(self) -> None:
        """Say that the report is being written."""
        self._progress.add_task("Writing the report", total=None, rate="", now="")
