"""The one way to an operation: authorise, look at registration and holds, run, repeat on conflict.

Every door (API, console) goes through here. An operation changes documents in one transaction
against the versions it read, so that it can be run again from the start when somebody else was
quicker.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from affidavit import operations
from affidavit.errors import StoreBusyError, StoreConflictError
from affidavit.operations import holds, tags
from affidavit.operations.accounts import require_registered
from affidavit.operations.authorise import authorise
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context, Operation
from affidavit.operations.faults import ThrottlingFault, ValidationFault

WITHOUT_REGISTRATION: Final = frozenset({"GetAccountStatus", "RegisterAccount"})
"""Operations that answer an account that is not registered (behaviour notes, 2.1)."""
_BUSY: Final = "The resource is being changed by another request. Try again."


class Dispatcher:
    """Runs operations by name; safe to share between threads."""

    def __init__(
        self,
        context: Context,
        handlers: Mapping[str, Operation] | None = None,
        *,
        marking: bool = False,
    ) -> None:
        """Take what operations work with, and the operations by name (None: all that there are).

        `marking`: tags of our own may be set, as an import does; no door does.
        """
        self._context = context
        self._marking = marking
        self._operations = dict(find_operations() if handlers is None else handlers)

    def __call__(
        self, operation: str, caller: Caller, request: dict[str, Any]
    ) -> Mapping[str, Any]:
        """Return the operation's answer, or raise its `Fault`.

        What is busy or changed twice by others is a `ThrottlingFault`: nothing was written, and
        every SDK comes again by itself.
        """
        run = self._operations.get(operation)
        if run is None:
            raise ValidationFault(f"There is no operation {operation}.", reason="unknownOperation")
        authorise(caller, operation)
        if operation not in WITHOUT_REGISTRATION:
            require_registered(self._context, caller)
        if not self._marking:
            tags.require_free(request)
        holds.require_none(self._context, caller, operation, request)
        try:
            return self._twice(run, caller, request)
        except (StoreConflictError, StoreBusyError) as error:
            raise ThrottlingFault(_BUSY) from error

    def handlers(self) -> dict[str, Callable[[Caller, dict[str, Any]], Mapping[str, Any]]]:
        """Return a handler for each operation, as the API's engine takes them."""
        return {name: partial(self, name) for name in self._operations}

    def _twice(self, run: Operation, caller: Caller, request: dict[str, Any]) -> Mapping[str, Any]:
        try:
            return run(self._context, caller, request)
        except StoreConflictError:
            return run(self._context, caller, request)


def find_operations() -> dict[str, Operation]:
    """Return every operation by its API name: the HANDLERS of all modules of this package."""
    found: dict[str, Operation] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(operations.__path__)):
        loaded = importlib.import_module(f"{operations.__name__}.{module}")
        for name, run in getattr(loaded, "HANDLERS", {}).items():
            if name in found:
                raise ValueError(f"Two modules have the operation {name}")
            found[name] = run
    return found
