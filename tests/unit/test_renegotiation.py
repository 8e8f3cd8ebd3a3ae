"""A call that is negotiated again while it lasts: on virtual time, and through a Transceiver."""

from __future__ import annotations

import itertools
import re

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import SdpError, UsageError
from rtcsplit.gateway.echo import Echo
from rtcsplit.gateway.voice_session import VoiceSession
from rtcsplit.gateway.voice_settings import VoiceSettings
from rtcsplit.media.opus_packet import opus_duration
from rtcsplit.media.playout_events import PlayoutSettings
from rtcsplit.session.dcep import ChannelParameters
from rtcsplit.session.events import ChannelOpened, DataChannelsEnded, HandshakeCompleted
from rtcsplit.session.negotiation import DataNegotiation, Direction, DtlsRole, IceCredentials, Negotiation
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address, Path

from ..calls import CLIENT_CERTIFICATE, CLIENT_ICE, rtp, virtual_call
from ..client_peer import ClientPeer
from ..desk import OFFER, OPUS_20_MS, Desk, attribute, heard
from ..offers import OTHER_SHA_256
from ..voice_calls import VoiceDesk, heard_packets, speech


def speak(desk: Desk, client: ClientPeer, numbers: range) -> list[int]:
    """Send packets, and return the numbers of those that came back."""
    seen = len(heard(client))
    for number in numbers:
        client.send_rtp(rtp(number, OPUS_20_MS))
        desk.network.run_for(0.02)
    desk.network.run_for(0.1)
    return [packet.sequence_number for packet in heard(client)[seen:]]


def test_hold_and_resume() -> None:
    """G17, G25: nothing is sent while the peer does not want it, nothing taken while it sends nothing."""
    desk = Desk()
    call, client = desk.dial()
    desk.connect(client)
    assert len(speak(desk, client, range(1, 6))) == 5
    desk.reoffer(call, (b"a=sendrecv", b"a=sendonly"))
    assert call.audio is not None
    assert (call.audio.direction, call.can_send) == (Direction.RECVONLY, False)
    assert speak(desk, client, range(6, 11)) == []
    assert not desk.drops
    with pytest.raises(UsageError):
        call.send_audio(OPUS_20_MS, duration=960)
    desk.reoffer(call, (b"a=sendrecv", b"a=inactive"))
    assert speak(desk, client, range(11, 13)) == []
    assert desk.drops == {DropReason.RTP_PAYLOAD_TYPE: 2}
    desk.reoffer(call)
    back = speak(desk, client, range(13, 18))
    assert len(back) == 5
    assert call.statistics is not None
    assert call.statistics.packets_lost == 2
    assert len(desk.board.calls()) == 1


async def test_what_a_later_offer_says_of_the_codec_reaches_the_encoder() -> None:
    """F20: bit rate and duration follow, speech goes on where it was, and timestamps stay contiguous."""

    async def talk(session: VoiceSession) -> None:
        await session.audio_out.write(speech() + speech()[:4])
        await session.audio_out.end_segment()
        await session.wait_closed()

    voice = VoiceDesk(talk, VoiceSettings(output_rate=16_000, playout=PlayoutSettings(capacity=20.0)))
    call, client = await voice.dial()
    await voice.run_for(3.0)
    before = len(heard_packets(client))
    voice.desk.reoffer(call, (b"minptime=10;useinbandfec=1", b"maxaveragebitrate=8000;ptime=40"))
    await voice.run_for(6.0)
    packets = heard_packets(client)
    durations = [opus_duration(packet.payload) for packet in packets]
    assert set(durations[:before]) == {960}
    assert set(durations[before + 1 :]) == {1920}
    assert 8 * sum(len(packet.payload) for packet in packets[before + 1 : before + 76]) / 3.0 < 10_000
    steps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(packets)]
    assert steps == durations[:-1]
    assert sum(durations) / 48_000 == pytest.approx(len(speech()) / 32_000 + 0.1, abs=0.06)  # type: ignore[arg-type]
    assert voice.session.audio_out.underruns == 0


def test_an_offer_restarts_ice_and_the_echo_goes_on() -> None:
    """C18: as by PATCH: both ufrags lead to the call, no packet is lost, no handshake."""
    desk = Desk()
    call, client = desk.dial()
    desk.connect(client)
    old, keys = call.ufrag, call.session.srtp
    answer = desk.reoffer(
        call,
        (b"a=ice-ufrag:" + attribute(OFFER.decode(), "ice-ufrag").encode(), b"a=ice-ufrag:cli2"),
        (b"a=ice-pwd:" + attribute(OFFER.decode(), "ice-pwd").encode(), b"a=ice-pwd:secondclientpassword1234"),
    )
    local = IceCredentials(attribute(answer.text, "ice-ufrag"), attribute(answer.text, "ice-pwd"))
    assert desk.board.owns(old)
    assert desk.board.owns(local.ufrag)
    away = Address.of("198.51.100.99", 40000)
    desk.network.attach(client, away)
    client.restart_ice(away, IceCredentials("cli2", "secondclientpassword1234"), local)
    assert len(speak(desk, client, range(1, 21))) == 20
    assert (call.path, call.ufrag, desk.board.ice_restarts) == (Path(away), local.ufrag, 1)
    assert call.session.srtp is keys


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("association_changed", (str(CLIENT_CERTIFICATE.fingerprint).encode(), OTHER_SHA_256.encode())),
        ("ice_half_changed", (b"a=ice-ufrag:", b"a=ice-ufrag:x")),
        ("payload_type_moved", (b"a=rtpmap:111 opus/48000/2", b"a=rtpmap:111 G722/8000")),
    ],
    ids=["certificate", "half a restart", "payload type"],
)
def test_a_refused_offer_leaves_the_call_as_it_was(code: str, change: tuple[bytes, bytes]) -> None:
    """G24."""
    desk = Desk()
    call, client = desk.dial()
    desk.connect(client)
    before = (call.audio, call.ufrag, call.offers.local)
    with pytest.raises(SdpError) as caught:
        desk.reoffer(call, change)
    assert caught.value.code == code
    assert (call.audio, call.ufrag, call.offers.local) == before
    assert len(speak(desk, client, range(1, 6))) == 5


@pytest.mark.parametrize("role", list(DtlsRole), ids=lambda role: role.value)
def test_data_channels_begin_and_end_in_a_call(role: DtlsRole) -> None:
    """8841 section 9: within the association that stands, in both roles."""
    data = DataNegotiation("1")
    call = virtual_call(server_role=role, client_data=data)
    call.connect()
    session, now = call.server.session, call.network.now
    assert session.channels is None
    with_data = Negotiation(CLIENT_ICE, (CLIENT_CERTIFICATE.fingerprint,), role, data=data)
    session.renegotiate(with_data, now)
    assert session.channels is not None
    call.client.channels.open(ChannelParameters("later"))  # type: ignore[union-attr]
    assert call.network.run_until(lambda: bool(call.server.of_type(ChannelOpened)), limit=5.0)
    session.renegotiate(Negotiation(CLIENT_ICE, (CLIENT_CERTIFICATE.fingerprint,), role), call.network.now)
    assert call.network.run_until(lambda: bool(call.server.of_type(DataChannelsEnded)), limit=5.0)
    call.client.send_rtp(rtp(1))
    call.network.run_for(0.1)
    assert not [event for event in call.server.events if isinstance(event, HandshakeCompleted)]
    assert call.is_connected


async def test_a_transceiver_answers_again() -> None:
    """The door for signaling of one's own: versions count on; a call that is gone is None."""
    async with Transceiver(TransceiverSettings(Address.of("127.0.0.1", 0)), application=Echo()) as transceiver:
        accepted = await transceiver.accept(OFFER)
        (call,) = transceiver.calls()
        again = await transceiver.renegotiate(accepted.call_id, OFFER.replace(b"a=sendrecv", b"a=recvonly"))
        assert again is not None
        assert "a=sendonly\r\n" in again.answer
        assert re.findall(r"^o=- (\d+) (\d+)", accepted.answer + again.answer, re.MULTILINE) == [
            (str(call.offers.local.session_id), "0"),
            (str(call.offers.local.session_id), "1"),
        ]
        with pytest.raises(SdpError):
            await transceiver.renegotiate(accepted.call_id, b"v=0\r\n")
        assert call.audio is not None
        assert call.audio.direction is Direction.SENDONLY
        restarted = await transceiver.restart(accepted.call_id, IceCredentials("cli2", "secondclientpassword1234"))
        assert restarted is not None
        assert call.offers.local.ice == restarted.ice
        await transceiver.close(accepted.call_id)
        assert await transceiver.renegotiate(accepted.call_id, OFFER) is None
