"""Data channels inside of a session: whole calls on virtual time."""

from __future__ import annotations

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.session.dcep import ChannelParameters
from rtcsplit.session.events import (
    ChannelClosed,
    ChannelOpened,
    DataChannelsEnded,
    EndCause,
    MessageReceived,
    RtpReceived,
    SessionEnded,
)
from rtcsplit.session.negotiation import DataNegotiation, DtlsRole
from rtcsplit.session.sctp_events import AssociationCause
from rtcsplit.session.session_state import SessionState
from rtcsplit.wire.address import Path
from rtcsplit.wire.packet import Kind, classify

from ..calls import CLIENT_ADDRESS, VirtualCall, rtp, virtual_call
from ..link import Conditions

ROLES = pytest.mark.parametrize("role", list(DtlsRole), ids=lambda role: role.value)
DATA = DataNegotiation("1")
PLAIN = ChannelParameters("oai-events")


def talking(role: DtlsRole = DtlsRole.CLIENT, conditions: Conditions | None = None, seed: int = 1) -> VirtualCall:
    """A connected call with one channel, which the client opened before it began."""
    call = virtual_call(server_role=role, server_data=DATA, client_data=DATA, conditions=conditions, seed=seed)
    assert call.client.channels is not None
    call.client.channels.open(PLAIN)
    call.connect()
    assert call.network.run_until(lambda: bool(call.server.of_type(ChannelOpened)))
    return call


@ROLES
def test_a_channel_of_the_client_carries_messages_both_ways(role: DtlsRole) -> None:
    """H7: ids by DTLS role; H1: SCTP packets are seen inside of DTLS records only."""
    call = talking(role)
    channel_id = 0 if role is DtlsRole.SERVER else 1
    assert call.server.of_type(ChannelOpened) == [ChannelOpened(channel_id, PLAIN, is_remote=True)]
    assert call.server.session.channels is not None
    assert call.client.channels is not None
    call.server.session.channels.send(channel_id, "down", call.network.now)
    call.client.channels.send(channel_id, b"up" * 20_000, call.network.now)
    call.network.exchange()
    assert call.network.run_until(lambda: bool(call.server.of_type(MessageReceived)))
    assert call.server.of_type(MessageReceived) == [MessageReceived(channel_id, b"up" * 20_000)]
    assert call.client.channel_events[1:] == [MessageReceived(channel_id, "down")]
    assert not call.server.drops
    kinds = {classify(datagram) for _, datagram, _ in call.network.uplink + call.network.downlink}
    assert kinds == {Kind.STUN, Kind.DTLS}


@pytest.mark.parametrize("seed", range(3))
def test_no_datagram_exceeds_1200_octets(seed: int) -> None:
    """With 64 KiB messages and media beside them, on a bad link."""
    call = talking(conditions=Conditions(delay=0.02, jitter=0.01, loss=0.05, duplication=0.05), seed=seed)
    assert call.server.session.channels is not None
    for _ in range(4):
        call.server.session.channels.send(1, bytes(65_536), call.network.now)
    call.client.send_rtp(rtp(1))
    done = lambda: [type(event) for event in call.client.channel_events].count(MessageReceived) == 4  # noqa: E731
    assert call.network.run_until(done)
    assert max(len(datagram) for _, datagram, _ in call.network.downlink) == 1197
    assert len(call.server.of_type(RtpReceived)) <= 1


def test_plain_sctp_is_never_parsed() -> None:
    """H1: an SCTP packet outside of DTLS, from the very tuple of the call: refused by its first octet."""
    call = talking()
    assert call.client.channels is not None
    call.client.channels.send(1, "captured", call.network.now)
    (packet,) = call.client.channels.packets_to_send(call.network.now)
    assert packet[:2] == (5000).to_bytes(2, "big")
    reason = call.server.receive(packet, Path(CLIENT_ADDRESS), call.network.now)
    assert reason in (DropReason.FIRST_OCTET, DropReason.STUN_MALFORMED)
    assert call.server.of_type(MessageReceived) == []


def test_data_that_was_not_negotiated_is_counted() -> None:
    call = virtual_call(client_data=DATA)
    call.connect()
    call.network.run_for(2.0)
    assert set(call.server.drops) == {DropReason.SCTP_UNEXPECTED}
    assert call.server.session.channels is None
    assert call.server.session.state is SessionState.CONNECTED


def test_what_is_refused_inside_of_dtls_is_counted() -> None:
    """H2: an authenticated peer that sends nonsense."""
    call = talking()
    call.client.dtls.send(b"no SCTP packet at all")
    call.client.dtls.send(bytes(11))
    call.network.exchange()
    call.network.run_for(0.1)
    assert dict(call.server.drops) == {DropReason.SCTP_CHECKSUM: 1, DropReason.SCTP_MALFORMED: 1}


def test_the_end_of_the_session_closes_the_channels_first() -> None:
    call = talking()
    call.server.session.close(call.network.now)
    call.network.run_for(1.0)
    assert call.server.events[-3:] == [
        ChannelClosed(1),
        DataChannelsEnded(AssociationCause.CLOSED),
        SessionEnded(EndCause.CLOSED),
    ]
    assert call.client.channel_events[-2:] == [ChannelClosed(1), DataChannelsEnded(AssociationCause.PEER_ABORTED)]
    assert call.server.session.next_timer() is None


def test_the_peers_goodbye_closes_the_channels() -> None:
    call = talking()
    call.client.close(call.network.now)
    call.network.run_for(1.0)
    assert [type(event) for event in call.server.events[-3:]] == [ChannelClosed, DataChannelsEnded, SessionEnded]
    assert call.server.session.state is SessionState.CLOSED


def test_the_end_of_the_association_leaves_the_audio() -> None:
    call = talking()
    assert call.client.channels is not None
    call.client.channels.close()
    call.client.send_rtp(rtp(1))
    call.network.run_for(1.0)
    assert call.server.of_type(DataChannelsEnded) == [DataChannelsEnded(AssociationCause.PEER_ABORTED)]
    assert len(call.server.of_type(RtpReceived)) == 1
    assert call.server.session.state is SessionState.CONNECTED
