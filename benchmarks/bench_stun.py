"""From a connectivity check to the server ufrag in it, which is all that a relay wants to know.

aioice reads the whole message into values and verifies the FINGERPRINT on the way; it offers nothing less.
"""

from __future__ import annotations

from collections.abc import Callable

import aioice.stun
import pytest

from rtcsplit.wire.stun import server_ufrag
from tests import twins

from . import packets
from .conftest import PerPacket


def pure_python(datagram: bytes) -> str:
    return twins.stun_server_ufrag(datagram).decode("ascii")


def aioice_message(datagram: bytes) -> str:
    return aioice.stun.parse_message(datagram).attributes["USERNAME"].split(":")[0]


CONTENDERS: dict[str, Callable[[bytes], str]] = {
    "rtcsplit": server_ufrag,
    "aioice": aioice_message,
    "pure Python": pure_python,
}


@pytest.mark.benchmark(group="STUN to ufrag")
@pytest.mark.parametrize("contender", CONTENDERS)
def test_server_ufrag(per_packet: PerPacket, contender: str) -> None:
    per_packet.each(contender, CONTENDERS[contender], packets.CHECKS, packets.UFRAGS)


@pytest.mark.benchmark(group="STUN to ufrag")
def test_server_ufrag_in_c(per_packet: PerPacket) -> None:
    per_packet.in_c("loop_server_ufrag", packets.CHECKS)
