"""The protected media of one session: what may be taken before and after there are keys, and what is sent.

Who may send here is ICE's to say, what is authentic SRTP's; both are asked, and nothing else is decided. RTP and RTCP
are octets here: streams and reports are above, in ``rtcsplit.media``.
"""

from __future__ import annotations

from ..drops import DropReason
from ..errors import UsageError
from ..wire.address import Path
from ..wire.packet import Kind
from .ice import IceLite
from .outbox import Outbox
from .srtp import SrtpSession

__all__ = ["HeldPacket", "SessionMedia"]

HeldPacket = tuple[Kind, bytes, Path]
"""A protected packet that came before the keys."""

# RFC 5764 section 5.1.2 leaves it to us what becomes of SRTP that overtakes the end of the handshake.
_MAX_EARLY_PACKETS = 32
_NOT_CONNECTED = "media can be sent while the session is connected, not before and not after"


class SessionMedia:
    """SRTP and SRTCP of one session, in both directions.

    Args:
        ice: says whom to hear and where to send.
        outbox: takes what is sent.

    Attributes:
        srtp: the keys, None before the handshake has ended.
    """

    __slots__ = ("_early", "_ice", "_is_open", "_outbox", "srtp")

    def __init__(self, ice: IceLite, outbox: Outbox) -> None:
        self.srtp: SrtpSession | None = None
        self._ice = ice
        self._outbox = outbox
        self._is_open = False
        self._early: list[HeldPacket] = []

    @property
    def is_exhausted(self) -> bool:
        """Whether the keys have protected as many packets as they may."""
        return self.srtp is not None and self.srtp.is_exhausted

    def open(self, srtp: SrtpSession) -> list[HeldPacket]:
        """Take the keys; return and forget what came before them, to be received now."""
        self.srtp = srtp
        self._is_open = True
        return self._forget()

    def close(self) -> list[HeldPacket]:
        """Send nothing more; return and forget what still waits for keys."""
        self._is_open = False
        return self._forget()

    def unprotect(self, kind: Kind, datagram: bytes, path: Path) -> bytes | DropReason | None:
        """Return the packet of a protected one, why it is dropped, or None where it is held until there are keys."""
        if not self._ice.is_authenticated(path.client):
            return DropReason.PATH_UNAUTHENTICATED
        if self.srtp is None:
            if len(self._early) >= _MAX_EARLY_PACKETS:
                return DropReason.SRTP_NO_KEYS
            self._early.append((kind, datagram, path))
            return None
        return self.srtp.unprotect(datagram) if kind is Kind.RTP else self.srtp.unprotect_rtcp(datagram)

    def send_rtp(self, packet: bytes, now: float) -> bool:
        """Queue one RTP packet, to be protected when it is collected.

        Returns:
            Whether it is the last one that the keys may protect.

        Raises:
            UsageError: there are no keys, the packet is no RTP packet, or it exceeds what one datagram carries;
                nothing was queued.
        """
        srtp = self._keys()
        is_last = srtp.admit(packet)
        self._outbox.put(packet, srtp, now)
        return is_last

    def send_rtcp(self, packet: bytes, now: float) -> bool:
        """As :meth:`send_rtp`, for one compound RTCP packet."""
        srtp = self._keys()
        is_last = srtp.admit_rtcp(packet)
        self._outbox.put(packet, srtp, now)
        return is_last

    def send_rtp_kept(self, packet: bytes, now: float) -> bytes:
        """Protect one RTP packet at once, queue it, and return the datagram.

        Raises:
            UsageError: as :meth:`.srtp.SrtpSession.protect`, or there are no keys; nothing was queued.
        """
        datagram = self._keys().protect(packet)
        self._outbox.put(datagram, None, now)
        return datagram

    def repeat(self, datagram: bytes, now: float) -> None:
        """Queue a protected packet as it is.

        Raises:
            UsageError: there are no keys; nothing was queued.
        """
        self._keys()
        self._outbox.put(datagram, None, now)

    def _keys(self) -> SrtpSession:
        if self.srtp is None or not self._is_open:
            raise UsageError(_NOT_CONNECTED)
        return self.srtp

    def _forget(self) -> list[HeldPacket]:
        early, self._early = self._early, []
        return early
