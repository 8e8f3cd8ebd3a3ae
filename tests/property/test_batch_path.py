"""The batch path beside packets that are taken one by one: the same echoes, the same counts, the same drops."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtcsplit.errors import UsageError
from rtcsplit.gateway.echo import Echo
from rtcsplit.transceiver.call import Call
from rtcsplit.wire import red, rtcp
from rtcsplit.wire.feedback import TransportLayerFeedback as Format
from rtcsplit.wire.feedback import build_nack
from rtcsplit.wire.rtp import RtpPacket, build
from rtcsplit.wire.rtp_extension import ONE_BYTE_PROFILE, build_elements
from rtcsplit.wire.transport_feedback import Arrival, parse_transport_feedback

from ..calls import rtp
from ..client_peer import ClientPeer
from ..desk import OPUS_20_MS, Desk, heard

AUDIO_LEVEL_ID, TRANSPORT_ID = 1, 3  # of the offer in tests/data
_RED = red.build([red.RedBlock(111, 960, OPUS_20_MS)], 111, OPUS_20_MS)
_PAYLOADS = {111: (OPUS_20_MS, OPUS_20_MS, b"\xf8", b"\xfb", b"", bytes(1100)), 63: (_RED, _RED[:3], b""), 99: (b"x",)}

JUMPS = st.one_of(st.just(1), st.just(1), st.integers(-5, 5), st.sampled_from((-200, 2999, 4000)))
LEVELS = st.one_of(st.none(), st.binary(min_size=1, max_size=2))
PACKETS = st.tuples(
    st.sampled_from((111, 111, 111, 63, 99)),
    st.integers(0, 5),
    JUMPS,
    st.sampled_from((960, 960, 480, -1920, 1 << 20)),
    st.sampled_from((0x1234, 0x1234, 0x1234, 0x99)),
    st.sampled_from((None, ONE_BYTE_PROFILE, 0x1000)),
    LEVELS,
    st.booleans(),
    st.sampled_from((True, False, False)),  # the next one comes with it
)
STEPS = st.lists(st.one_of(PACKETS, PACKETS, st.sampled_from(("wait", "report", "bye", "ask"))), max_size=40)


class Listener(Echo):
    """Echoes, and keeps what it was given besides."""

    def __init__(self, *, delivers: bool) -> None:
        self.delivers = delivers
        self.packets: list[RtpPacket] = []

    def call_connected(self, call: Call) -> None:
        call.start_echo(delivers=self.delivers)

    def packet_received(self, call: Call, packet: RtpPacket) -> None:
        if self.delivers:  # what had to be asked for comes in any case
            self.packets.append(packet)


def extension(transport: int, level: bytes | None, profile: int) -> bytes:
    """In the one-byte form or in the two-byte form (RFC 8285 section 4)."""
    elements = {} if level is None else {AUDIO_LEVEL_ID: level}
    elements[TRANSPORT_ID] = (transport & 0xFFFF).to_bytes(2, "big")
    if profile == ONE_BYTE_PROFILE:
        return build_elements(elements)
    octets = b"".join(bytes([key, len(value)]) + value for key, value in elements.items())
    return octets + bytes(-len(octets) % 4)


def feedback(client: ClientPeer) -> tuple[list[bytes], set[Arrival]]:
    """What the client is asked for, and when its packets came; reports have the time of day.

    In a batch one message may say what one by one takes two, and the other way round.
    """
    parsed = [rtcp.parse(packet) for packet in client.received_rtcp]
    compounds = [compound for compound in parsed if isinstance(compound, rtcp.Compound)]
    members = [member for each in compounds for member in each.members if isinstance(member, rtcp.Feedback)]
    said = [parse_transport_feedback(m.control_information) for m in members if m.format == Format.TRANSPORT_WIDE]
    asked = [member.control_information for member in members if member.format == Format.NACK]
    return asked, {arrival for message in said if message is not None for arrival in message.arrivals}


def asking(packets: Sequence[RtpPacket]) -> bytes:
    """For packets that came, once more."""
    ssrc = packets[-1].ssrc if packets else 0
    numbers = sorted({packet.sequence_number for packet in packets}) or [0]
    kind = Format.NACK
    return rtcp.build([rtcp.Feedback(rtcp.PacketType.RTPFB, kind, 0x1234, ssrc, build_nack(numbers))])


def run(steps: list[tuple[int, ...] | str], *, delivers: bool, has_nack: bool, is_batched: bool) -> tuple[object, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Desk, "is_batched", is_batched)
        application = Listener(delivers=delivers)
        desk = Desk(application)
        call, client = desk.dial(has_nack=has_nack)
        desk.connect(client)
        sequence_number = timestamp = transport = 0
        for step in steps:
            if step == "wait":
                desk.network.run_for(0.3)
            elif step == "report":
                client.send_rtcp(rtcp.build([rtcp.ReceiverReport(0x1234)]))
            elif step == "bye":
                client.send_rtcp(rtcp.build([rtcp.ReceiverReport(0x1234), rtcp.Goodbye((0x1234,))]))
            elif step == "ask":
                client.send_rtcp(asking(heard(client)[-20:]))
            else:
                payload_type, choice, jump, distance, ssrc, profile, level, marker, has_company = step
                sequence_number, timestamp, transport = sequence_number + jump, timestamp + distance, transport + 1
                payloads = _PAYLOADS[payload_type]  # type: ignore[index]
                packet = RtpPacket(
                    payload_type,  # type: ignore[arg-type]
                    sequence_number & 0xFFFF,
                    timestamp & 0xFFFF_FFFF,
                    ssrc,  # type: ignore[arg-type]
                    payloads[choice % len(payloads)],  # type: ignore[operator]
                    bool(marker),
                    extension_profile=profile,  # type: ignore[arg-type]
                    extension=b"" if profile is None else extension(transport, level, profile),  # type: ignore[arg-type]
                )
                with suppress(UsageError):  # a client sends no number twice
                    client.send_rtp(build(packet))
                if not has_company:
                    desk.network.run_for(0.02)
        desk.network.run_for(6.0)
        assert call.statistics is not None
        statistics = replace(call.statistics, transport_feedback_sent=0)
        return heard(client), statistics, +desk.drops, application.packets, feedback(client)


@given(STEPS, st.booleans(), st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_batch_does_what_is_done_one_by_one(
    steps: list[tuple[int, ...] | str], delivers: bool, has_nack: bool
) -> None:
    """F3 to F6, F19, F21, F22, F24, F31, F36, F37: what C takes without asking is what Python would have made of it."""
    batched, one_by_one = (
        run(steps, delivers=delivers, has_nack=has_nack, is_batched=is_batched) for is_batched in (True, False)
    )
    assert batched == one_by_one


@pytest.mark.parametrize("has_nack", [False, True])
@pytest.mark.parametrize(("together", "asked_for"), [(1, 1), (5, 5)])
def test_plain_packets_go_back_without_python(together: int, asked_for: int, has_nack: bool) -> None:
    """The comparison above would say nothing if everything was asked for: only a source's first packet is.

    And what comes in one batch with that.
    """
    desk = Desk()
    call, client = desk.dial(has_nack=has_nack)
    desk.connect(client)
    for number in range(50):
        client.send_rtp(rtp(number, OPUS_20_MS))
        if number % together == together - 1:
            desk.network.run_for(0.02 * together)
    assert call.statistics is not None
    assert (len(heard(client)), call.statistics.packets_sent, desk.returned) == (50, 50, 50 - asked_for)


def test_echoes_that_left_without_python_are_sent_again() -> None:
    """F27: of the latest 64, as they were. One that is too long to be kept in C goes by Python."""
    desk = Desk()
    call, client = desk.dial(has_nack=True)
    desk.connect(client)
    for number in range(200):
        client.send_rtp(rtp(number, OPUS_20_MS if number != 150 else bytes(400)))
        desk.network.run_for(0.01)
    desk.network.run_for(0.1)
    numbers = [packet.sequence_number for packet in heard(client)]
    assert (len(numbers), desk.returned) == (200, 198)
    for asked, resent in ((numbers[:30], 0), (numbers[-5:], 5)):
        kind, ssrc = Format.NACK, heard(client)[0].ssrc
        client.send_rtcp(rtcp.build([rtcp.Feedback(rtcp.PacketType.RTPFB, kind, 0x1234, ssrc, build_nack(asked))]))
        desk.network.run_for(0.1)
        assert call.statistics is not None
        assert call.statistics.packets_resent == resent
