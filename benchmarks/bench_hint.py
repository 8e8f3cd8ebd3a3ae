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
from .race import Race, each, in_c, task

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
ROUTES = [packets.ROUTE] * packets.COUNT
KEYS = b"".join(tag + mask for _, (tag, mask) in sorted(packets.HINT_KEYS.items()))

CONTENDERS = {
    "rtcsplit": each(rtcsplit, HINTS, ROUTES),
    "rtcsplit, in C": in_c("loop_hint_open", HINTS, KEYS),
    "HMAC token, standard library": each(open_token, TOKENS, ROUTES),
    "pure Python": each(pure_python, HINTS, ROUTES),
}


@task("open a hint")
@pytest.mark.parametrize("contender", CONTENDERS)
def test_open(race: Race, contender: str) -> None:
    race(CONTENDERS, contender)


@pytest.mark.parametrize("function", [rtcsplit, open_token, pure_python])
def test_a_changed_one_does_not_open(function: Callable[[bytes], Route | None]) -> None:
    ticket = (TOKENS if function is open_token else HINTS)[0]
    changed = ticket[:9] + (b"B" if ticket[9:10] == b"A" else b"A") + ticket[10:]
    assert function(ticket) == packets.ROUTE
    assert function(changed) is None
