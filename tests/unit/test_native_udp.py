"""The transceiver's socket as Python sees it: facts, octets, and what the kernel would not take."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from rtcsplit._native.batch import BATCH, PATH
from rtcsplit._native.udp import PathSocket, kernel_drops
from rtcsplit.drops import DropReason
from rtcsplit.wire.address import Address

LOOPBACK = Address.of("127.0.0.1", 0).ip


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
    ):
        ours.bind(("127.0.0.1", 0))
        theirs.bind(("127.0.0.1", 0))
        theirs.settimeout(2)
        yield ours, theirs


def test_direct_mode_names_the_source_and_answers_it(pair):
    ours, theirs = pair
    direct = PathSocket(ours.fileno(), None)
    packet = b"\x80" + bytes(range(40))
    theirs.sendto(packet, ours.getsockname())
    [(path, kind, drop, offset, length, *_)] = direct.receive()
    assert (kind, drop, direct.octets[offset : offset + length]) == (2, 0, packet)
    assert PATH.unpack(path) == (LOOPBACK, theirs.getsockname()[1], bytes(16), 0, bytes(16), 0)
    assert direct.send([b"answer"], [path]) == b"\x00"
    assert theirs.recv(100) == b"answer"
    assert list(direct.receive()) == []


def test_every_refused_datagram_comes_with_its_reason_and_no_octets(pair):
    ours, theirs = pair
    direct = PathSocket(ours.fileno(), None)
    refused = {
        b"": DropReason.TOO_SHORT,
        bytes(19): DropReason.TOO_SHORT,
        bytes(20): DropReason.STUN_MALFORMED,
        b"\x56\xec" + bytes(60): DropReason.FIRST_OCTET,
        b"\x80" + bytes(2048): DropReason.OVERSIZE,
    }
    for datagram in refused:
        theirs.sendto(datagram, ours.getsockname())
    assert [(drop, length) for _, _, drop, _, length, *_ in direct.receive()] == [
        (r.value, 0) for r in refused.values()
    ]


def test_more_than_a_batch_is_refused_before_anything_is_sent(pair):
    ours, _ = pair
    direct = PathSocket(ours.fileno(), None)
    path = PATH.pack(LOOPBACK, 9, bytes(16), 0, bytes(16), 0)
    with pytest.raises(ValueError, match="at most"):
        direct.send([b"x"] * (BATCH + 1), [path] * (BATCH + 1))
    with pytest.raises(ValueError, match="packed"):
        direct.send([b"x"], [path[:-1]])


def test_a_payload_longer_than_the_buffer_is_oversize(pair):
    ours, theirs = pair
    direct = PathSocket(ours.fileno(), None)
    path = PATH.pack(LOOPBACK, theirs.getsockname()[1], bytes(16), 0, bytes(16), 0)
    assert direct.send([bytes(2048), bytes(2049), b"x"], [path] * 3) == bytes([0, DropReason.OVERSIZE, 0])


def test_what_is_no_udp_socket_is_refused():
    with pytest.raises(OSError, match="descriptor"):
        PathSocket(10_000, None)


def test_the_kernels_drops_are_told(pair):
    ours, theirs = pair
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    before = kernel_drops(ours)
    for _ in range(100):
        theirs.sendto(bytes(1000), ours.getsockname())
    received = 0
    direct = PathSocket(ours.fileno(), None)
    while batch := list(direct.receive()):
        received += len(batch)
    assert kernel_drops(ours) - before == 100 - received > 0
