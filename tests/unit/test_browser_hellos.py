"""The ClientHello of browsers, as recorded, in every split: the same answer whatever arrives first (D10)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from rtcsplit.session.dtls_state import DtlsState
from rtcsplit.session.negotiation import DtlsRole
from tests.dtls_peers import endpoint, record, records_of

DATA = Path(__file__).parents[1] / "data"
STORED = {path.stem.removeprefix("client_hello_"): path.read_bytes() for path in DATA.glob("client_hello_*.bin")}
CLIENT_HELLO, SERVER_HELLO, SERVER_HELLO_DONE = 1, 2, 14


def fragments(body: bytes, cuts: list[int]) -> list[bytes]:
    """The message in pieces, as they stand in records."""
    edges = [0, *cuts, len(body)]
    head = bytes([CLIENT_HELLO]) + len(body).to_bytes(3, "big") + bytes(2)
    return [
        head + start.to_bytes(3, "big") + (end - start).to_bytes(3, "big") + body[start:end]
        for start, end in pairwise(edges)
    ]


def answer_to(pieces: list[bytes]) -> list[int]:
    """Which messages a server says once it has the last piece, each in a datagram of its own; nothing before."""
    server = endpoint(DtlsRole.SERVER)
    for number, piece in enumerate(pieces):
        assert server.datagrams_to_send(0.0) == []
        assert server.receive(record(piece, number=number), 0.0) is None
    assert server.state is DtlsState.HANDSHAKING
    return [said[13] for datagram in server.datagrams_to_send(0.0) for said in records_of(datagram)]


def test_the_recorded_ones_are_those_that_matter() -> None:
    """Those of Chromium and Firefox have post-quantum shares and never fit into one datagram."""
    fits = {name: len(body) <= 1200 for name, body in STORED.items()}
    assert fits == {"chromium": False, "firefox": False, "libwebrtc": True}


@pytest.mark.parametrize("is_reversed", [False, True], ids=["in order", "reversed"])
@pytest.mark.parametrize("name", STORED)
def test_every_split_in_two_is_answered_alike(name: str, is_reversed: bool) -> None:
    body = STORED[name]
    whole = answer_to(fragments(body, []))
    assert whole[0] == SERVER_HELLO
    assert whole[-1] == SERVER_HELLO_DONE
    different = []
    for cut in range(1, len(body)):
        parts = fragments(body, [cut])
        if answer_to(parts[::-1] if is_reversed else parts) != whole:
            different.append(cut)
    assert not different


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("size", [1, 13, 64, 200, 1175, 1383])
def test_every_piece_may_come_twice_and_out_of_order(name: str, size: int) -> None:
    """Odd pieces first, then the even ones, then all but the last again before it."""
    body = STORED[name]
    parts = fragments(body, list(range(size, len(body), size)))
    *rest, last = [*parts[1::2], *parts[::2]]
    assert answer_to([*rest, *rest, last]) == answer_to(fragments(body, []))
