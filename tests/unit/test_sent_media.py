"""What leaves a transceiver, datagram by datagram: no plain RTP or RTCP, and after a call has ended nothing (E14, C15).

A datagram counts as protected when the client's keys open it, each one once: what does not authenticate is found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from rtcsplit.errors import UsageError
from rtcsplit.gateway.echo import Echo
from rtcsplit.session.certificate import Certificate
from rtcsplit.session.events import EndCause
from rtcsplit.transceiver.call import Call
from rtcsplit.wire import rtcp
from rtcsplit.wire.packet import Kind, classify
from rtcsplit.wire.rtcp_packets import Compound, Goodbye

from ..calls import rtp
from ..client_peer import ClientPeer
from ..desk import OPUS_20_MS, Desk

MEDIA = {Kind.RTP, Kind.RTCP}
TICK = 0.02


@pytest.fixture(autouse=True, params=[True, False], ids=["batched", "one by one"])
def _way_of_datagrams(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "is_batched", request.param)


class Talker(Echo):
    """An echo that has the last word: it tries to speak before there are keys, and when its call has ended."""

    def __init__(self) -> None:
        self.refused = 0
        self.ended: list[EndCause] = []

    def call_ended(self, call: Call, cause: EndCause) -> None:
        self.ended.append(cause)
        self.speak(call)

    def speak(self, call: Call) -> None:
        try:
            call.send_audio(OPUS_20_MS, duration=960)
        except UsageError:
            self.refused += 1


def talk(desk: Desk, call: Call, client: ClientPeer, count: int) -> None:
    """Both sides send a packet every 20 ms: one comes back as an echo, and the application has one of its own."""
    for number in range(count):
        client.send_rtp(rtp(number, OPUS_20_MS))
        call.send_audio(OPUS_20_MS, duration=960)
        desk.network.run_for(TICK)


def sent(desk: Desk) -> Counter[Kind]:
    kinds = [classify(datagram) for _, datagram, _ in desk.network.downlink]
    assert all(isinstance(kind, Kind) for kind in kinds)
    return Counter(kind for kind in kinds if isinstance(kind, Kind))


def our_close(desk: Desk, call: Call, client: ClientPeer) -> None:
    call.close()


def their_close(desk: Desk, call: Call, client: ClientPeer) -> None:
    client.close(desk.network.now)


def their_silence(desk: Desk, call: Call, client: ClientPeer) -> None:
    """Media goes on without checks: consent expires."""
    client.is_checking = False
    for number in range(1000, 1000 + round(31.0 / TICK)):
        client.send_rtp(rtp(number, OPUS_20_MS))
        desk.network.run_for(TICK)


ENDS = {
    EndCause.CLOSED: (our_close, {Kind.RTCP: 1, Kind.DTLS: 1}),
    EndCause.PEER_CLOSED: (their_close, {}),
    EndCause.CONSENT_EXPIRED: (their_silence, None),
}


def test_all_media_on_the_wire_opens_with_the_clients_keys() -> None:
    """E14: the echo, the application's own packets, reports and the BYE, from the first datagram to the last."""
    desk = Desk()
    call, client = desk.dial()
    desk.connect(client)
    talk(desk, call, client, 400)  # reports are due meanwhile
    call.close()
    desk.network.run_for(1.0)
    kinds = sent(desk)
    assert not client.refused
    assert kinds[Kind.RTP] == len(client.received_rtp) == 800
    assert kinds[Kind.RTCP] == len(client.received_rtcp) >= 2
    plain = {*client.received_rtp, *client.received_rtcp}
    assert not plain & {datagram for _, datagram, _ in desk.network.downlink}
    *_, last = client.received_rtcp
    compound = rtcp.parse(last)
    assert isinstance(compound, Compound)
    assert any(isinstance(member, Goodbye) for member in compound.members)


def test_no_media_leaves_before_there_are_keys() -> None:
    """E14: an application that speaks too early is told so; STUN and DTLS are all that is sent until then."""
    application = Talker()
    desk = Desk(application)
    call, client = desk.dial()
    for _ in range(200):
        if call.can_send:
            break
        application.speak(call)
        client.send_raw(rtp(1, OPUS_20_MS))
        desk.network.run_for(0.001)
    assert application.refused > 10
    assert set(sent(desk)) == {Kind.STUN, Kind.DTLS}


@pytest.mark.parametrize("cause", list(ENDS), ids=lambda cause: cause.value)
def test_nothing_is_sent_after_the_end(cause: EndCause) -> None:
    """E14, C14, C15: whoever ends it, and whatever the client and the application go on doing."""
    end: Callable[[Desk, Call, ClientPeer], None]
    end, farewell = ENDS[cause]
    application = Talker()
    desk = Desk(application)
    call, client = desk.dial()
    desk.connect(client)
    talk(desk, call, client, 10)
    desk.network.run_for(0.1)
    desk.network.downlink.clear()
    end(desk, call, client)
    assert desk.network.run_until(lambda: bool(application.ended), limit=1.0)
    desk.network.exchange()
    assert application.ended == [cause]
    assert application.refused == 1
    if farewell is not None:
        assert sent(desk) == farewell
    desk.network.run_for(0.1)
    assert not client.refused
    desk.network.downlink.clear()
    check = client.check(nominate=True)
    for number in range(5000, 5100):
        client.send_rtp(rtp(number, OPUS_20_MS))
        client.send_raw(rtp(number, OPUS_20_MS))
        client.send_rtcp(bytes.fromhex("80c90001") + (0x1234).to_bytes(4, "big"))
        application.speak(call)
        call.close()
        desk.network.run_for(TICK)
    client.send_raw(check)
    desk.network.run_for(60.0)
    assert set(sent(desk)) <= {Kind.STUN}  # a check of an ended call is a stranger's: 401 without integrity
    assert application.refused == 101
    assert desk.board.next_timer() is None


def test_media_that_waits_is_not_sent_when_the_peer_closes() -> None:
    """E14, C15: what an application said and what is due meanwhile stays where it is; keys or not, nothing leaves."""
    desk = Desk()
    call, client = desk.dial()
    desk.connect(client)
    talk(desk, call, client, 10)
    desk.network.run_for(0.1)
    client.close(desk.network.now)
    ((close_notify, path),) = client.datagrams_to_send(desk.network.now)
    for _ in range(3):
        call.send_audio(OPUS_20_MS, duration=960)
    desk.receive(close_notify, path, desk.network.now)
    assert desk.datagrams_to_send(desk.network.now) == []


def test_a_call_with_the_wrong_certificate_hears_an_alert_and_nothing_else() -> None:
    """E14, T20: there is no falling back to plain media."""
    application = Talker()
    desk = Desk(application)
    call, client = desk.dial(certificate=Certificate.generate())
    for number in range(500):
        client.send_raw(rtp(number, OPUS_20_MS))
        desk.network.run_for(TICK)
    assert application.ended == [EndCause.HANDSHAKE_FAILED]
    assert not MEDIA & set(sent(desk))
    assert call not in desk.board.calls()
