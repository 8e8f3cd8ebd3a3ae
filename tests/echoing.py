"""One session that echoes in batches, and its client's keys, without a call around them."""

from __future__ import annotations

from rtcsplit._native.rtp_session import FORMAT_OPUS, NativeRtpSession, RtpCodec
from rtcsplit._native.rtp_source import NativeSource
from rtcsplit._native.session_table import NativeSessionTable
from rtcsplit.session.keying import SrtpKeys, SrtpProfile
from rtcsplit.session.srtp import SrtpSession
from rtcsplit.transceiver.facts import pack_path
from rtcsplit.wire.address import Path

__all__ = ["EchoingSession"]


class EchoingSession:
    """Put into a table of its own, at a path.

    Attributes:
        table: where it is.
        rtp, source: what it counts.
        client: the other side's keys.
    """

    def __init__(self, path: Path) -> None:
        keys = SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, b"1" * 28, b"2" * 28)
        self._server = SrtpSession(keys)
        self.client = SrtpSession(SrtpKeys(keys.profile, keys.remote, keys.local))
        self.table = NativeSessionTable()
        self.rtp = NativeRtpSession()
        self.rtp.negotiate([RtpCodec(111, FORMAT_OPUS, 2, 48_000, is_inbound=True)])
        self.source = NativeSource(9, 1, 48_000, 1, 0.0)
        self.rtp.know([self.source])
        self.rtp.answer(echoes=True, delivers=False, send_from=float("-inf"), send_until=float("inf"))
        self.rtp.open(pack_path(path))
        self.table.put(*path.client, 1, self._server.contexts, self.rtp)

    def spoken(self, number: int) -> bytes:
        """Return the client's packet of a number, protected."""
        header = bytes([0x80, 111]) + number.to_bytes(2, "big") + bytes([0, 0, 0, 0, 0, 0, 0, 9])
        packet = self.client.protect(header + self.payload(number))
        assert isinstance(packet, bytes)
        return packet

    def payload(self, number: int) -> bytes:
        """Return what that packet says."""
        return b"\xf8" + number.to_bytes(2, "big") + bytes(38)

    def heard(self, datagram: bytes) -> bytes:
        """Return what an echo says."""
        packet = self.client.unprotect(datagram)
        assert isinstance(packet, bytes), packet
        return packet[12:]
