"""A whole call over links that lose, delay, reorder and duplicate, on virtual time: everything that the protocols do.

::

    client ---- seeded link ----> session          each datagram: delay 20 to 70 ms, lost, twice, or both in turn

Each call connects, talks both ways, exchanges reports, opens a data channel and uses it, is given another address by a
NAT, restarts ICE, and is closed. The link's seed decides what happens to which datagram, and nothing else is left to
chance but keys and random numbers.
"""

from __future__ import annotations

from collections import Counter

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.session.dcep import ChannelParameters
from rtcsplit.session.events import (
    ChannelOpened,
    EndCause,
    IceRestarted,
    MessageReceived,
    RtcpReceived,
    RtpReceived,
    SessionConnected,
    SessionEnded,
)
from rtcsplit.session.negotiation import DataNegotiation, DtlsRole, IceCredentials

from ..calls import OTHER_ADDRESS, ServerPeer, VirtualCall, rtp, virtual_call
from ..link import Conditions

LINKS = {
    "reordering": Conditions(delay=0.02, jitter=0.05),
    "loss": Conditions(delay=0.02, loss=0.1),
    "duplication": Conditions(delay=0.02, duplication=0.3),
    "all of it": Conditions(delay=0.02, jitter=0.05, loss=0.1, duplication=0.1),
}
HABITS = {"Chromium": "always", "Firefox": "first"}
# What such links may make of a datagram: a copy or a late one, of DTLS, SCTP or SRTP; the old address' last packets.
HARMLESS = {
    DropReason.DTLS_REFUSED,
    DropReason.SCTP_UNEXPECTED,
    DropReason.SRTP_REPLAYED,
    DropReason.PATH_UNAUTHENTICATED,
}
PACKETS = 100
TICK = 0.02
REPORT = bytes.fromhex("80c90001") + (0x1234).to_bytes(4, "big")
SERVER_AGAIN = IceCredentials("EIlD5iIAAAAAAO/Rzi8+w8uX", "anotherserverpassword1234")
CLIENT_AGAIN = IceCredentials("cli2", "secondclientpassword1234")


@pytest.fixture(autouse=True, params=[True, False], ids=["batched", "one by one"])
def _way_of_datagrams(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ServerPeer, "is_batched", request.param)


def talk(call: VirtualCall, numbers: range) -> None:
    for number in numbers:
        call.client.send_rtp(rtp(number))
        call.server.session.send_rtp(rtp(number, ssrc=0x9999), call.network.now)
        if number % 25 == 0:
            call.client.send_rtcp(REPORT)
            call.server.session.send_rtcp(REPORT, call.network.now)
        call.network.run_for(TICK)


def chat(call: VirtualCall, text: str) -> None:
    assert call.client.channels is not None
    channel_id = call.client.channels.open(ChannelParameters(text))
    call.client.channels.send(channel_id, text, call.network.now)
    assert call.network.run_until(
        lambda: text in [event.data for event in call.server.of_type(MessageReceived)], limit=20.0
    )


def until_restarted(call: VirtualCall) -> None:
    assert call.network.run_until(lambda: bool(call.server.of_type(IceRestarted)), limit=10.0)


def check_media(call: VirtualCall, sent: int, loss: float) -> None:
    """Each packet once at most, as it was; before the address changed and after the restart no more are missing than
    the link lost."""
    up = [event.packet for event in call.server.of_type(RtpReceived)]
    down = call.client.received_rtp
    for packets, ssrc in ((up, 0x1234), (down, 0x9999)):
        whole = {rtp(number, ssrc=ssrc) for number in range(sent)}
        assert set(packets) <= whole
        assert max(Counter(packets).values()) == 1
        for part in (range(PACKETS), range(sent - PACKETS // 2, sent)):
            arrived = {rtp(number, ssrc=ssrc) for number in part} & set(packets)
            assert len(arrived) >= len(part) * (1 - 3 * loss)
    assert call.server.of_type(RtcpReceived)
    assert call.client.received_rtcp


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("nominates", HABITS.values(), ids=HABITS)
@pytest.mark.parametrize("role", list(DtlsRole), ids=lambda role: role.value)
@pytest.mark.parametrize("seeds", [range(1), pytest.param(range(1, 40), marks=pytest.mark.long)], ids=["one", "many"])
def test_a_call_over_a_bad_link(link: Conditions, nominates: str, role: DtlsRole, seeds: range) -> None:
    data = DataNegotiation("1")
    for seed in seeds:
        call = virtual_call(
            server_role=role, conditions=link, nominates=nominates, seed=seed, server_data=data, client_data=data
        )
        call.connect()
        talk(call, range(PACKETS))
        chat(call, "before")
        old = call.client.path.client
        call.client.rebind(OTHER_ADDRESS)  # what is under way to the old address still arrives
        call.network.attach(call.client, OTHER_ADDRESS)
        talk(call, range(PACKETS, 3 * PACKETS))
        call.network.detach(old)
        call.server.session.restart_ice(SERVER_AGAIN, CLIENT_AGAIN, call.network.now)
        call.client.restart_ice(OTHER_ADDRESS, CLIENT_AGAIN, SERVER_AGAIN)
        talk(call, range(3 * PACKETS, 4 * PACKETS))
        until_restarted(call)
        chat(call, "after")
        call.network.run_for(0.2)
        check_media(call, 4 * PACKETS, link.loss)
        assert len(call.server.of_type(SessionConnected)) == 1
        assert len(call.server.of_type(ChannelOpened)) == 2
        assert set(call.server.drops) <= HARMLESS, call.server.drops
        call.server.session.close(call.network.now)
        call.network.run_for(1.0)
        assert [event.cause for event in call.server.of_type(SessionEnded)] == [EndCause.CLOSED]
        assert call.server.next_timer() is None
