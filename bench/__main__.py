"""`make bench`: runs every benchmark, prints its figures, writes bench/results.json.

Figures are ratios against a peer or a limit in the same run; absolute seconds are printed beside
them, but mean little on another machine. `python -m bench NAME …` runs some only.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import (
    api,
    append,
    collect,
    console,
    detectors,
    finder,
    judge,
    ledger,
    report,
    scan,
    sealing,
)

BENCHMARKS: Mapping[str, Callable[[], Mapping[str, float | str]]] = {
    "ledger": ledger.run,
    "append": append.run,
    "finder": finder.run,
    "sealing": sealing.run,
    "api": api.run,
    "judge": judge.run,
    "report": report.run,
    "collect": collect.run,
    "console": console.run,
    "detectors": detectors.run,
    "scan": scan.run,
}
RESULTS = Path(__file__).parent / "results.json"


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all, and print one line a figure."""
    figures: dict[str, float | str] = {}
    for name in names or list(BENCHMARKS):
        print(f"== {name}", flush=True)
        for figure, value in BENCHMARKS[name]().items():
            figures[f"{name}.{figure}"] = value
            shown = f"{value:,.3f}" if isinstance(value, float) else value
            print(f"{name}.{figure}: {shown}", flush=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(f"Written to {RESULTS.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
