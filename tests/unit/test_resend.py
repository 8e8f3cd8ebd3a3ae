"""What is sent again is the datagram itself: SRTP never protects a packet twice."""

from __future__ import annotations

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.session.events import EndCause
from rtcsplit.session.keying import SrtpProfile

from ..calls import rtp, virtual_call


@pytest.mark.parametrize("profile", SrtpProfile, ids=lambda profile: profile.name)
def test_datagram_sent_again_is_the_same_and_counts_once(profile: SrtpProfile) -> None:
    """F27, E12: if the first copy was lost the second is taken, if not it is a replay; the index moves on."""
    call = virtual_call(server_profiles=[profile])
    call.connect()
    session, srtp = call.server.session, call.client.srtp
    assert srtp is not None
    now = call.network.now
    session.datagrams_to_send(now)
    kept = [session.send_rtp_kept(rtp(number), now) for number in range(10)]
    first = [octets for octets, _ in session.datagrams_to_send(now)]
    assert first == kept
    session.repeat(kept[4], now)
    ((again, _),) = session.datagrams_to_send(now)
    assert again is kept[4]
    received = [srtp.unprotect(octets) for number, octets in enumerate(first) if number != 4]
    assert received == [rtp(number) for number in range(10) if number != 4]
    assert srtp.unprotect(again) == rtp(4)
    assert srtp.unprotect(again) is DropReason.SRTP_REPLAYED
    assert srtp.unprotect(session.send_rtp_kept(rtp(10), now)) == rtp(10)


def test_packet_is_never_protected_twice() -> None:
    """E12: the same number with other content is refused, and so is the same with the same."""
    call = virtual_call()
    call.connect()
    session, now = call.server.session, call.network.now
    session.send_rtp_kept(rtp(1), now)
    for packet in (rtp(1), rtp(1, b"other")):
        with pytest.raises(UsageError):
            session.send_rtp_kept(packet, now)


def test_nothing_is_sent_again_after_the_end() -> None:
    """E14: a closed session sends no media."""
    call = virtual_call()
    call.connect()
    session, now = call.server.session, call.network.now
    kept = session.send_rtp_kept(rtp(1), now)
    session.close(now, cause=EndCause.CLOSED)
    with pytest.raises(UsageError):
        session.repeat(kept, now)
