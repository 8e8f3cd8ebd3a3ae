"""``csrc/rtp_session.h``: what a batch may do with the RTP of one call without asking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ._rtcsplit import ffi, lib
from .arrivals import NativeArrivals
from .rtp_source import NativeSource
from .rtp_stream import NativeStream

__all__ = ["FORMAT_OPUS", "FORMAT_RED", "FORMAT_SAMPLES", "MAX_PAYLOAD", "MAX_SOURCES", "NativeRtpSession", "RtpCodec"]

FORMAT_SAMPLES: int = lib.RS_PAYLOAD_SAMPLES
FORMAT_OPUS: int = lib.RS_PAYLOAD_OPUS
FORMAT_RED: int = lib.RS_PAYLOAD_RED
MAX_PAYLOAD: int = lib.RS_RTP_MAX_PAYLOAD
MAX_SOURCES: int = lib.RS_RTP_SOURCES


@dataclass(frozen=True, slots=True)
class RtpCodec:
    """``struct rs_rtp_codec``.

    Attributes:
        payload_type: 0..127.
        format: one of the ``FORMAT`` constants.
        channels: of ``FORMAT_SAMPLES``.
        clock_rate: Hz.
        is_inbound: whether it may be received.
    """

    payload_type: int
    format: int
    channels: int
    clock_rate: int
    is_inbound: bool


class NativeRtpSession:
    """``struct rs_rtp_session``.

    Args:
        transport_id: of the header extension with transport-wide numbers, 0 for none.
        audio_level_id: of the one with the audio level, 0 for none.
        allows_two_byte: whether header extensions may have the two-byte form.

    Attributes:
        cdata: for the other wrappers; valid while this object lives.
        stream: what we send.
        arrivals: by transport-wide numbers; None without.
    """

    __slots__ = ("_sent", "_sources", "_watched", "arrivals", "cdata", "stream")

    def __init__(self, *, transport_id: int = 0, audio_level_id: int = 0, allows_two_byte: bool = False) -> None:
        self.cdata = ffi.new("struct rs_rtp_session *")
        self.cdata.transport_id, self.cdata.audio_level_id = transport_id, audio_level_id
        self.cdata.allows_two_byte = allows_two_byte
        self.arrivals = NativeArrivals() if transport_id else None
        self.cdata.arrivals = ffi.NULL if self.arrivals is None else self.arrivals.cdata
        self._sent: Any = None
        self._watched = 0
        self._sources: tuple[NativeSource, ...] = ()  # keeps alive what C has pointers to
        self.stream = NativeStream(self.cdata, ffi.addressof(self.cdata, "stream"))

    def negotiate(self, codecs: Sequence[RtpCodec]) -> None:
        """Say what may be received or sent back; packets of codecs beyond the first eight are asked for."""
        known = codecs[: lib.RS_RTP_CODECS]
        for place, codec in enumerate(known):
            self.cdata.codecs[place] = (
                codec.payload_type,
                codec.format,
                codec.channels,
                codec.is_inbound,
                codec.clock_rate,
            )
        self.cdata.codec_count = len(known)

    def keep_sent(self) -> None:
        """Keep what is sent back from now on, for :meth:`take_sent`; packets too long to be kept are asked for."""
        self._sent = ffi.new("struct rs_sent_packets *")
        self.cdata.sent = self._sent

    def take_sent(self) -> Iterator[tuple[bytes, float]]:
        """Yield the latest packets that were sent back, protected, with when, and forget them; at most 64."""
        sent = self._sent
        if sent is None or not sent.count:
            return
        for number in range(max(0, sent.count - lib.RS_SENT_PACKETS), sent.count):
            packet = sent.packets[number % lib.RS_SENT_PACKETS]
            yield ffi.buffer(packet.octets, packet.len)[:], packet.at
        sent.count = 0

    def close(self) -> None:
        """Have every packet asked for."""
        self.cdata.is_open = False

    def open(self, path: bytes) -> None:
        """Take media from ``path``, packed as ``PATH``, without asking."""
        ffi.memmove(ffi.addressof(self.cdata, "path"), path, ffi.sizeof("struct rs_path"))
        self.cdata.is_open = True

    def know(self, sources: Sequence[NativeSource]) -> None:
        """Take packets of these sources without asking; of the first four."""
        self._sources = tuple(sources[:MAX_SOURCES])
        for place, source in enumerate(self._sources):
            self.cdata.sources[place] = source.cdata
        self.cdata.source_count = len(self._sources)

    def watch(self, ssrc: int, sequence_number: int) -> None:
        """Take only packets of this source that follow this number, one after the other."""
        self.cdata.watches_gaps = True
        self.cdata.watched_ssrc, self.cdata.watched_number = ssrc, sequence_number
        self._watched = sequence_number

    def take_watched(self) -> int | None:
        """Return the number of the latest packet that was taken while gaps are watched; None where none was since."""
        number = int(self.cdata.watched_number)
        if not self.cdata.watches_gaps or number == self._watched:
            return None
        self._watched = number
        return number

    def answer(
        self, *, echoes: bool, delivers: bool, send_from: float, send_until: float, reports_arrivals: bool = False
    ) -> None:
        """Say what happens with what is taken.

        Args:
            echoes: it goes back.
            delivers: it is handed up.
            send_from: before this time nothing goes back without asking.
            send_until: nor from this time on.
            reports_arrivals: transport-wide feedback leaves when it is due, with the next packet.
        """
        self.cdata.echoes, self.cdata.delivers = echoes, delivers
        self.cdata.reports_arrivals = reports_arrivals
        self.cdata.send_from, self.cdata.send_until = send_from, send_until

    @property
    def heard_at(self) -> float:
        """When the latest packet was taken."""
        return float(self.cdata.heard_at)

    @property
    def sent_at(self) -> float:
        """When the latest packet was sent back without asking."""
        return float(self.cdata.sent_at)

    def echo(self, payload_type: int, payload: bytes, timestamp: int, *, marker: bool, now: float) -> bytes | None:
        """Return the packet that sends a payload back; None where it stands for no time or is too long."""
        packet = ffi.new("uint8_t[]", 12 + MAX_PAYLOAD)
        span = ffi.new("struct rs_span *", {"data": ffi.from_buffer(payload), "len": len(payload)})
        length = lib.rs_rtp_session_echo(self.cdata, payload_type, marker, timestamp, span[0], now, packet)
        return ffi.buffer(packet, length)[:] if length else None
