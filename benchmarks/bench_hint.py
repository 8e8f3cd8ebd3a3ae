"""From a ufrag to the transceiver it names.

No other library has this. Beside the twin of our format stands what somebody would write with the standard library
alone: a token with a truncated HMAC-SHA256, whose hashing OpenSSL does.
"""

from __future__ import annotations

import base64
import hmac
import struct
from collections.abc import Callable

import pytest

from rtcsplit.routing.hint import Route
from tests import twins

from . import packets
from .conftest import PerPacket

TOKEN_KEY = packets.SECRETS[1]
_token = struct.Struct("!HH6s8s")


def rtcsplit(ufrag: bytes) -> Route | None:
    hint = packets.KEYS.open(ufrag)
    return None if hint is None else hint.route


def pure_python(ufrag: bytes) -> Route | None:
    opened = twins.open_hint(packets.HINT_KEYS, ufrag)
    return None if opened is None else Route(*opened[1:3])


def open_token(token: bytes) -> Route | None:
    raw = base64.b64decode(token, validate=True)
    if len(raw) != _token.size or not hmac.compare_digest(raw[10:], hmac.digest(TOKEN_KEY, raw[:10], "sha256")[:8]):
        return None
    cluster, transceiver, _, _ = _token.unpack(raw)
    return Route(cluster, transceiver)


def mint_token(nonce: int) -> bytes:
    head = struct.pack("!HH6s", packets.ROUTE.cluster, packets.ROUTE.transceiver, nonce.to_bytes(6, "big"))
    return base64.b64encode(head + hmac.digest(TOKEN_KEY, head, "sha256")[:8])


HINTS = [ufrag.encode() for ufrag in packets.UFRAGS]
TOKENS = [mint_token(nonce) for nonce in range(packets.COUNT)]
CONTENDERS: dict[str, tuple[Callable[[bytes], Route | None], list[bytes]]] = {
    "rtcsplit": (rtcsplit, HINTS),
    "HMAC token, standard library": (open_token, TOKENS),
    "pure Python": (pure_python, HINTS),
}


@pytest.mark.benchmark(group="open a hint")
@pytest.mark.parametrize("contender", CONTENDERS)
def test_open(per_packet: PerPacket, contender: str) -> None:
    function, tickets = CONTENDERS[contender]
    changed = tickets[0][:9] + (b"A" if tickets[0][9:10] != b"A" else b"B") + tickets[0][10:]
    assert function(changed) is None
    per_packet.each(contender, function, tickets, [packets.ROUTE] * packets.COUNT)


@pytest.mark.benchmark(group="open a hint")
def test_open_in_c(per_packet: PerPacket) -> None:
    keys = b"".join(tag + mask for _, (tag, mask) in sorted(packets.HINT_KEYS.items()))
    per_packet.in_c("loop_hint_open", HINTS, keys)
