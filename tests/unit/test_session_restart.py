"""ICE restart in the middle of a call, with SRTP flowing both ways on virtual time."""

from __future__ import annotations

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.session.events import IceRestarted, PathChanged, RtpReceived, SessionConnected, UfragRetired
from rtcsplit.session.negotiation import DtlsRole, IceCredentials
from rtcsplit.wire.address import Path
from rtcsplit.wire.packet import Kind, classify

from ..calls import OTHER_ADDRESS, SERVER_ICE, VirtualCall, rtp, virtual_call

NEW_SERVER = IceCredentials("EIlD5iIAAAAAAO/Rzi8+w8uh", "secondserverpassword1234")
NEW_CLIENT = IceCredentials("cli2", "secondclientpassword1234")
ROLES = pytest.mark.parametrize("role", list(DtlsRole), ids=lambda role: role.value)


def talk(call: VirtualCall, numbers: range) -> None:
    """Both sides send a packet every 20 ms."""
    for number in numbers:
        call.client.send_rtp(rtp(number))
        call.server.session.send_rtp(rtp(number, ssrc=0x9999), call.network.now)
        call.network.run_for(0.02)


@ROLES
@pytest.mark.parametrize("nominates", ["always", "first"])
def test_no_packet_is_missing_around_a_restart(role: DtlsRole, nominates: str) -> None:
    """C18, D25: media gap 0 packets both ways, no DTLS record, no SRTP failure; the path is the new pair's."""
    call = virtual_call(server_role=role, nominates=nominates)
    call.connect()
    call.network.run_for(1.0)
    talk(call, range(1, 50))
    call.network.downlink.clear()
    call.server.session.restart_ice(NEW_SERVER, NEW_CLIENT, call.network.now)
    talk(call, range(50, 75))
    call.network.attach(call.client, OTHER_ADDRESS)
    call.client.restart_ice(OTHER_ADDRESS, NEW_CLIENT, NEW_SERVER)
    talk(call, range(75, 300))
    call.network.run_for(0.1)
    assert [event.packet for event in call.server.of_type(RtpReceived)] == [rtp(n) for n in range(1, 300)]
    assert call.client.received_rtp == [rtp(n, ssrc=0x9999) for n in range(1, 300)]
    assert not call.server.drops
    assert not call.client.refused
    assert not [datagram for _, datagram, _ in call.network.downlink if classify(datagram) is Kind.DTLS]
    assert call.server.session.path == call.client.path == Path(OTHER_ADDRESS)
    assert call.server.of_type(IceRestarted) == [IceRestarted(NEW_SERVER.ufrag)]
    assert len(call.server.of_type(SessionConnected)) == 1


def test_the_old_credentials_are_gone_three_seconds_after_the_switch() -> None:
    """C18: reported, then refused."""
    call = virtual_call()
    call.connect()
    call.server.session.restart_ice(NEW_SERVER, NEW_CLIENT, call.network.now)
    old = call.client.check(nominate=True)
    call.network.attach(call.client, OTHER_ADDRESS)
    call.client.restart_ice(OTHER_ADDRESS, NEW_CLIENT, NEW_SERVER)
    call.network.run_for(2.5)
    assert not call.server.of_type(UfragRetired)
    call.network.run_for(1.0)
    assert call.server.of_type(UfragRetired) == [UfragRetired(SERVER_ICE.ufrag)]
    assert call.server.receive(old, Path(OTHER_ADDRESS), call.network.now) is DropReason.STUN_UNAUTHORIZED


def test_a_restart_that_the_client_never_follows_changes_nothing() -> None:
    """C18: its answer was lost; the call lives on with the credentials it has, for as long as they are checked."""
    call = virtual_call()
    call.connect()
    call.server.session.restart_ice(NEW_SERVER, NEW_CLIENT, call.network.now)
    moves = len(call.server.of_type(PathChanged))
    call.network.run_for(120.0)
    talk(call, range(1, 50))
    call.network.run_for(0.1)
    assert call.client.received_rtp == [rtp(n, ssrc=0x9999) for n in range(1, 50)]
    assert len(call.server.of_type(PathChanged)) == moves
    assert not call.server.drops


def test_a_closed_session_does_not_restart() -> None:
    call = virtual_call()
    call.server.session.close(call.network.now)
    with pytest.raises(UsageError):
        call.server.session.restart_ice(NEW_SERVER, NEW_CLIENT, call.network.now)
