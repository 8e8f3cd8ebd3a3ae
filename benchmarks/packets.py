"""What every contender gets: the datagrams of a browser's call, made once and the same in every run.

Sizes and attributes are those of Chromium (libwebrtc): a binding request with USERNAME, the network attribute 0xC057,
ICE-CONTROLLING, PRIORITY, MESSAGE-INTEGRITY and FINGERPRINT; Opus in RTP with four one-byte header extensions and 160
octets of payload; a compound RTCP report; a DTLS record.
"""

from __future__ import annotations

import random

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.wire import rtp, stun
from rtcsplit.wire.address import Address
from rtcsplit.wire.rtp_extension import ONE_BYTE_PROFILE, build_elements

COUNT = 1000
"""Datagrams in one round of a benchmark."""

SECRETS = {1: bytes(range(32)), 2: bytes(range(255, 223, -1))}
KEYS = RoutingKeys(SECRETS, minting=1)
ROUTE = Route(cluster=1, transceiver=2)

AUDIO_LEVEL_ID, ABS_SEND_TIME_ID, TRANSPORT_CC_ID, MID_ID = 1, 2, 3, 4
SSRC = 0x5EED0001

HINT_KEYS = {
    key_id: tuple(
        HKDF(algorithm=SHA256(), length=16, salt=b"", info=b"rtcsplit hint v1 " + use).derive(secret)
        for use in (b"tag", b"mask")
    )
    for key_id, secret in SECRETS.items()
}
"""K_tag and K_mask by key id, for who opens hints without :class:`RoutingKeys`."""

_NETWORK_INFO = 0xC057
_PASSWORD = b"0123456789abcdef01234567"
_random = random.Random(7983)


def ufrag(number: int) -> str:
    """Return the hint of session ``number``."""
    return KEYS.mint(ROUTE, number.to_bytes(5, "big"))


def binding_request(server_ufrag: str) -> bytes:
    """Return a connectivity check as libwebrtc sends it."""
    return stun.build(
        stun.MessageClass.REQUEST,
        stun.BINDING,
        _random.randbytes(12),
        [
            (stun.Attribute.USERNAME, f"{server_ufrag}:qL7k".encode()),
            (_NETWORK_INFO, bytes([0, 1, 0, 10])),
            (stun.Attribute.ICE_CONTROLLING, _random.randbytes(8)),
            (stun.Attribute.PRIORITY, (1853693695).to_bytes(4, "big")),
        ],
        integrity_key=_PASSWORD,
    )


def audio(sequence_number: int) -> bytes:
    """Return a plain RTP packet of 20 ms of Opus."""
    extension = build_elements(
        {
            AUDIO_LEVEL_ID: bytes([0x80 | 23]),
            ABS_SEND_TIME_ID: bytes([0x12, 0x34, 0x56]),
            TRANSPORT_CC_ID: sequence_number.to_bytes(2, "big"),
            MID_ID: b"0",
        }
    )
    return rtp.build(
        rtp.RtpPacket(
            payload_type=111,
            sequence_number=sequence_number,
            timestamp=960 * sequence_number,
            ssrc=SSRC,
            payload=_random.randbytes(160),
            extension_profile=ONE_BYTE_PROFILE,
            extension=extension,
        )
    )


def _report() -> bytes:
    """An SRTCP compound by its look: what follows the first SSRC is encrypted."""
    return bytes([0x81, 200, 0, 12]) + SSRC.to_bytes(4, "big") + _random.randbytes(76)


def _dtls_record() -> bytes:
    return bytes([22, 254, 253]) + bytes(8) + (180).to_bytes(2, "big") + _random.randbytes(180)


CHECKS = [binding_request(ufrag(number)) for number in range(COUNT)]
"""Binding requests, each of another session."""

UFRAGS = [ufrag(number) for number in range(COUNT)]

AUDIO = [audio(sequence_number) for sequence_number in range(COUNT)]
"""Plain RTP packets of one source, in order; SRTP leaves the same header in the clear."""

# 20 s of a call in the uplink: 50 packets a second, a check each 2.5 s, a report each second, and the handshake.
CALL = [*AUDIO[:967], *CHECKS[:8], *(_report() for _ in range(20)), *(_dtls_record() for _ in range(5))]
_random.shuffle(CALL)
assert len(CALL) == COUNT

CLIENT = Address.of("198.51.100.7", 50000)
