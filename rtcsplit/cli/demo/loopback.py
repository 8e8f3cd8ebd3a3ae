"""Keeps an aiortc client on loopback, so that the demo runs alike on every machine, also on one without a network.

aioice leaves 127.0.0.1 out of its host candidates and uses every other address of the machine instead. Here it is the
other way round.
"""

from __future__ import annotations

from typing import Any

import aioice.ice

__all__ = ["gather_loopback_only"]


def gather_loopback_only() -> None:
    """Make 127.0.0.1 the only host candidate of all aioice connections of this process."""
    module: Any = aioice.ice
    module.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
