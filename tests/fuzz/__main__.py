"""``python -m tests.fuzz NAME [libFuzzer options] FOLDER``: fuzz one target, beginning with its seeds in FOLDER.

With the file of a finding in place of the folder, that one is run again.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import atheris


def main() -> None:
    """Fuzz until libFuzzer is done."""
    if len(sys.argv) < 3 or sys.argv[-1].startswith("-"):
        sys.exit(__doc__)
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["rtcsplit"]):
        target = importlib.import_module(f"tests.fuzz.{name}")
    place = Path(sys.argv[-1])
    if not place.is_file():
        place.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(target.seeds()):
            (place / f"seed-{number}").write_bytes(seed)
    atheris.Setup(sys.argv, target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
