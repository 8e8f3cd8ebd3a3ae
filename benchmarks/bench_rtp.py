"""An RTP packet in the clear to its fields, payload and audio level.

Everybody unpacks the header extension, because aiortc always does: from Chromium's four elements, the audio level. The
loop in C does not: it stops at header and payload.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpReceiveParameters
from aiortc.rtp import HeaderExtensionsMap
from aiortc.rtp import RtpPacket as AiortcPacket

from rtcsplit.wire import rtp
from rtcsplit.wire.rtp_extension import AUDIO_LEVEL_URI, MID_URI
from tests import twins

from . import packets
from .race import Race, each, in_c, task


class Fields(NamedTuple):
    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes
    level: int


def rtcsplit(datagram: bytes) -> Fields:
    packet = rtp.parse(datagram, packets.AUDIO_LEVEL_ID)
    level = packet.audio_level.level
    return Fields(packet.payload_type, packet.sequence_number, packet.timestamp, packet.ssrc, packet.payload, level)


_extensions = HeaderExtensionsMap()
_extensions.configure(
    RTCRtpReceiveParameters(
        headerExtensions=[
            RTCRtpHeaderExtensionParameters(id=local_id, uri=uri)
            for local_id, uri in (
                (packets.AUDIO_LEVEL_ID, AUDIO_LEVEL_URI),
                (packets.ABS_SEND_TIME_ID, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
                (packets.MID_ID, MID_URI),
            )
        ]
    )
)


def aiortc(datagram: bytes) -> Fields:
    packet = AiortcPacket.parse(datagram, _extensions)
    level = packet.extensions.audio_level[1]
    return Fields(packet.payload_type, packet.sequence_number, packet.timestamp, packet.ssrc, packet.payload, level)


def pure_python(datagram: bytes) -> Fields:
    _, second, sequence_number, timestamp, ssrc = struct.unpack_from("!BBHII", datagram)
    _, csrc_count, _ = twins.rtp_header(datagram)
    at = 12 + 4 * csrc_count + 4
    while datagram[at] >> 4 != packets.AUDIO_LEVEL_ID:
        at += 2 + (datagram[at] & 15) if datagram[at] else 1
    level = datagram[at + 1] & 0x7F
    return Fields(second & 0x7F, sequence_number, timestamp, ssrc, twins.rtp_payload(datagram), level)


EXPECTED = [pure_python(datagram) for datagram in packets.AUDIO]
assert [fields.sequence_number for fields in EXPECTED] == list(range(packets.COUNT))

CONTENDERS = {
    "rtcsplit": each(rtcsplit, packets.AUDIO, EXPECTED),
    "rtcsplit, in C": in_c("loop_rtp_parse", packets.AUDIO),
    "aiortc": each(aiortc, packets.AUDIO, EXPECTED),
    "pure Python": each(pure_python, packets.AUDIO, EXPECTED),
}


@task("parse RTP")
@pytest.mark.parametrize("contender", CONTENDERS)
def test_parse(race: Race, contender: str) -> None:
    race(CONTENDERS, contender)
