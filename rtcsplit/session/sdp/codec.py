"""The audio formats that we answer, and the parameters of each that we honour (RFC 7587, RFC 3551)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..negotiation import AudioCodec
from .rtp_format import RtpFormat

__all__ = ["CODECS", "RED", "Codec", "choose_codecs", "choose_red"]

_REFUSED_PAYLOAD_TYPES = range(64, 96)  # their packets look like RTCP on a shared port (RFC 5761 section 4)


@dataclass(frozen=True, slots=True)
class Codec:
    """One format.

    Attributes:
        encoding: for our ``a=rtpmap``.
        clock_rate: Hz.
        channels: as signalled, which for Opus is 2 even where both sides are mono (RFC 7587 section 7).
        has_channel_default: whether an rtpmap without a channel count means the same. For Opus it ought to be an
            error, but GStreamer's webrtcbin writes ``OPUS/48000`` where its caps name no channel count.
        parameters: for our ``a=fmtp``: what we want to receive.
        honoured: the peer's integer parameters that we act on, with their range; one out of range is ignored.
    """

    encoding: str
    clock_rate: int
    channels: int
    has_channel_default: bool
    parameters: str
    honoured: Mapping[str, range]

    def matches(self, offered: RtpFormat) -> bool:
        """Whether an offered format of this name is this one."""
        is_same = offered.channels == self.channels or (offered.channels is None and self.has_channel_default)
        return offered.clock_rate == self.clock_rate and is_same


_FLAG = range(2)
_OPUS_PARAMETERS = {  # RFC 7587 section 6.1
    "maxplaybackrate": range(8_000, 48_001),
    "maxaveragebitrate": range(6_000, 510_001),
    "minptime": range(3, 121),
    "maxptime": range(3, 121),
    "ptime": range(3, 121),
    "stereo": _FLAG,
    "cbr": _FLAG,
    "useinbandfec": _FLAG,
    "usedtx": _FLAG,
}

CODECS: Mapping[str, Codec] = {
    "opus": Codec("opus/48000/2", 48_000, 2, True, "minptime=10;useinbandfec=1", _OPUS_PARAMETERS),
    "pcmu": Codec("PCMU/8000", 8_000, 1, True, "", {}),
    "pcma": Codec("PCMA/8000", 8_000, 1, True, "", {}),
}


RED = Codec("red/48000/2", 48_000, 2, False, "", {})


def choose_codecs(
    offered: tuple[RtpFormat, ...], preference: tuple[str, ...], feedback: frozenset[str]
) -> tuple[AudioCodec, ...]:
    """Return what both sides can do, in our order of preference, with the offer's payload types (RFC 3264 section 6.1).

    Of several offered formats that are the same to us the first counts.
    """
    chosen = []
    for name in preference:
        for rtp_format in offered:
            is_usable = rtp_format.payload_type not in _REFUSED_PAYLOAD_TYPES
            if rtp_format.name == name and is_usable and CODECS[name].matches(rtp_format):
                chosen.append(_audio_codec(name, rtp_format, feedback))
                break
    return tuple(chosen)


def choose_red(offered: tuple[RtpFormat, ...], codecs: tuple[AudioCodec, ...]) -> AudioCodec | None:
    """Return RED as offered for the Opus that is preferred in ``codecs``; None where there is no such offer.

    Its ``a=fmtp`` lists the payload types of primary and copies (RFC 2198 section 5); every one has to be that Opus.
    """
    if not codecs or codecs[0].name != "opus":
        return None
    wanted = {str(codecs[0].payload_type)}
    for rtp_format in offered:
        is_usable = rtp_format.payload_type not in _REFUSED_PAYLOAD_TYPES
        is_ours = rtp_format.name == "red" and RED.matches(rtp_format) and set(rtp_format.fmtp.split("/")) == wanted
        if is_usable and is_ours:
            return AudioCodec("red", rtp_format.payload_type, RED.clock_rate, RED.channels)
    return None


def _audio_codec(name: str, offered: RtpFormat, feedback: frozenset[str]) -> AudioCodec:
    codec = CODECS[name]
    honoured = {
        key: value
        for key, value in offered.parameters.items()
        if key in codec.honoured and len(value) <= 6 and value.isascii() and value.isdigit()
        if int(value) in codec.honoured[key]
    }
    return AudioCodec(
        name, offered.payload_type, codec.clock_rate, codec.channels, honoured, offered.feedback & feedback
    )
