"""From a connectivity check to the server ufrag in it, which is all that a relay wants to know.

aioice reads the whole message into values and verifies the FINGERPRINT on the way; it offers nothing less.
"""

from __future__ import annotations

import aioice.stun
import pytest

from rtcsplit.wire.stun import server_ufrag
from tests import twins

from . import packets
from .race import Race, each, in_c, task


def pure_python(datagram: bytes) -> str:
    return twins.stun_server_ufrag(datagram).decode("ascii")


def aioice_message(datagram: bytes) -> str:
    return aioice.stun.parse_message(datagram).attributes["USERNAME"].split(":")[0]


CONTENDERS = {
    "rtcsplit": each(server_ufrag, packets.CHECKS, packets.UFRAGS),
    "rtcsplit, in C": in_c("loop_server_ufrag", packets.CHECKS),
    "aioice": each(aioice_message, packets.CHECKS, packets.UFRAGS),
    "pure Python": each(pure_python, packets.CHECKS, packets.UFRAGS),
}


@task("STUN to ufrag")
@pytest.mark.parametrize("contender", CONTENDERS)
def test_server_ufrag(race: Race, contender: str) -> None:
    race(CONTENDERS, contender)
