"""A NAT gives the client another address while it speaks; its audio goes on there, its check comes seconds later.

::

    client 198.51.100.7:50000 ---> relay ---> transceiver         before
           198.51.100.200:9   --->                                after: nothing is known of this address
    attackers 10,000 addresses --->                               know the SSRC, and no key

On virtual time: the relay's decisions and the transceiver's calls, without sockets.
"""

from __future__ import annotations

import itertools
import random

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.transceiver import uplink_rescue
from rtcsplit.wire.address import Address, Path
from rtcsplit.wire.packet import Kind, classify

from ..calls import rtp
from ..client_peer import ClientPeer
from ..desk import OPUS_20_MS, Desk, heard

AWAY = Address.of("198.51.100.200", 9)
TICK = 0.02
HABITS = {"Chromium": ("always", 2.5), "Firefox": ("first", 6.0), "aiortc": ("first", 6.0)}


@pytest.fixture(autouse=True, params=[True, False], ids=["batched", "one by one"])
def _way_of_datagrams(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "is_batched", request.param)


def dialled(nominates: str = "first", interval: float = 2.5, *, rescues: bool = True) -> tuple[Desk, ClientPeer]:
    desk = Desk(rescues_uplink=rescues)
    _, client = desk.dial(nominates=nominates)
    desk.connect(client)
    client.check_interval = interval
    return desk, client


def speak(desk: Desk, client: ClientPeer, numbers: range) -> None:
    for number in numbers:
        client.send_rtp(rtp(number, OPUS_20_MS))
        desk.network.run_for(TICK)


def rebind(desk: Desk, client: ClientPeer) -> None:
    desk.network.detach(client.path.client)
    desk.network.attach(client, AWAY)
    client.rebind(AWAY)


def received(desk: Desk) -> int:
    (call,) = desk.board.calls()
    assert call.statistics is not None
    return call.statistics.packets_received


@pytest.mark.parametrize(("nominates", "interval"), HABITS.values(), ids=HABITS)
def test_rebinding_loses_three_packets_of_speech_at_most(nominates: str, interval: float) -> None:
    """C25: everything arrives, in order; the path moves with the next check as it would without."""
    desk, client = dialled(nominates, interval)
    speak(desk, client, range(1, 50))
    rebind(desk, client)
    speak(desk, client, range(50, 500))
    assert 499 - received(desk) <= 3
    assert desk.board.packets_rescued > 0
    (call,) = desk.board.calls()
    assert call.path == Path(AWAY)
    assert heard(client)[-1].sequence_number
    assert not desk.drops


def test_without_the_switch_it_costs_the_check_interval() -> None:
    desk, client = dialled(rescues=False)
    speak(desk, client, range(1, 50))
    rebind(desk, client)
    speak(desk, client, range(50, 500))
    assert 20 < 499 - received(desk) <= 2.5 / TICK + 1
    assert desk.board.packets_rescued == 0


def test_nothing_is_sent_to_the_address_before_its_check() -> None:
    """C9, C25, T2: a rescued packet moves nothing and makes nothing answer, however many there are."""
    desk, client = dialled()
    speak(desk, client, range(1, 50))
    (call,) = desk.board.calls()
    before = call.path
    client.is_checking = False
    rebind(desk, client)
    speak(desk, client, range(50, 100))
    assert desk.board.packets_rescued == 50
    assert call.path == before
    assert not [path for _, _, path in desk.network.downlink if path.client == AWAY]
    desk.network.run_for(31.0)
    assert desk.board.calls() == []  # and it keeps no consent alive (C14)


def test_spoofed_packets_with_a_known_ssrc_reach_nobody() -> None:
    """C25: from 10,000 addresses: nothing delivered, no address learned, nothing sent; the budget bounds the tries."""
    desk, client = dialled()
    speak(desk, client, range(1, 50))
    desk.network.run_for(0.5)
    before = (received(desk), len(desk.board.table))
    chance = random.Random(1)
    desk.network.downlink.clear()
    for port in range(10_000):
        desk.receive(rtp(50, chance.randbytes(60)), Path(Address.of("203.0.113.66", port + 1)), desk.network.now)
    assert (received(desk), len(desk.board.table)) == before
    assert desk.board.packets_rescued == 0
    assert desk.drops == {
        DropReason.SRTP_AUTH_FAILED: uplink_rescue.PACKETS_AT_ONCE,
        DropReason.NO_SESSION: 10_000 - uplink_rescue.PACKETS_AT_ONCE,
    }
    assert desk.datagrams_to_send(desk.network.now) == []
    speak(desk, client, range(50, 100))
    assert received(desk) == before[0] + 50


def test_replayed_packets_count_once() -> None:
    """E2, C25: a genuine packet that an attacker repeats from elsewhere is old."""
    desk, client = dialled()
    desk.network.uplink.clear()
    speak(desk, client, range(1, 20))
    protected = [datagram for _, datagram, _ in desk.network.uplink if classify(datagram) is Kind.RTP]
    for port, datagram in zip(itertools.count(1), protected, strict=False):
        desk.receive(datagram, Path(Address.of("203.0.113.66", port)), desk.network.now)
    assert received(desk) == 19
    assert desk.board.packets_rescued == 0
    assert desk.drops == {DropReason.SRTP_REPLAYED: 19}


@pytest.mark.parametrize("is_older", [False, True], ids=["newer call", "older call"])
def test_who_copies_an_ssrc_diverts_nothing(is_older: bool) -> None:
    """C25: a call that says what another one's source is called changes nothing for that one."""
    desk, client = dialled()
    _, copier = desk.dial(nominates="first")
    desk.connect(copier)
    call, _ = desk.board.calls()
    if is_older:
        client, copier, call = copier, client, desk.board.calls()[1]
    speak(desk, client, range(1, 50))
    desk.receive(rtp(1, OPUS_20_MS, ssrc=0xBAD) + bytes(16), Path(AWAY), desk.network.now)
    for number in range(1, 60):
        copier.send_rtp(rtp(number, OPUS_20_MS))
        desk.network.run_for(TICK)
    desk.receive(rtp(1, OPUS_20_MS, ssrc=0xBAD) + bytes(16), Path(AWAY), desk.network.now)  # has all calls looked at
    rebind(desk, client)
    speak(desk, client, range(50, 100))
    assert call.statistics is not None
    assert call.statistics.packets_received == 99
    assert desk.board.packets_rescued > 0


def test_a_stranger_to_all_calls_is_dropped() -> None:
    desk, client = dialled()
    speak(desk, client, range(1, 5))
    desk.receive(rtp(1, bytes(60), ssrc=0xDEAD), Path(AWAY), desk.network.now)
    client.close(desk.network.now)
    desk.network.run_for(0.5)
    desk.receive(rtp(9, bytes(60)), Path(AWAY), desk.network.now)
    assert desk.board.drops[DropReason.NO_SESSION] >= 2
    assert desk.board.packets_rescued == 0
