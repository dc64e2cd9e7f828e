"""The CEL library, without the command line that its package would bring along.

`import cel` imports its own terminal program and with it two toolkits for terminals: 8 MiB and a
good 50 ms in every process (measured, common-expression-language 0.10). Nothing else of the
package needs it. Import `cel` from here only.
"""

import sys
from types import ModuleType

_STAND_IN = ModuleType("cel.cli")
sys.modules.setdefault(_STAND_IN.__name__, _STAND_IN)

import cel  # noqa: E402 - the stand-in must be there first

if sys.modules[_STAND_IN.__name__] is _STAND_IN:
    del sys.modules[_STAND_IN.__name__]

__all__ = ["cel"]
