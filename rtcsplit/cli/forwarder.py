"""Starts :mod:`.forwarder_process`; ``python -m rtcsplit.cli.forwarder``.

Most of the work that a start is goes into loading modules. Where another process forwards meanwhile, that must not take
the CPU from it and from the calls: ``--at-leisure`` is to do it at a low priority.
"""

from __future__ import annotations

import sys
from importlib import import_module

from .low_priority import at_low_priority

__all__ = ["main"]

_PROGRAM = "rtcsplit.cli.forwarder_process"


def main() -> None:
    """Load the program and be it."""
    if "--at-leisure" in sys.argv:
        at_low_priority(lambda: import_module(_PROGRAM))
    import_module(_PROGRAM).main()


if __name__ == "__main__":
    main()
