"""One peer's ICE, DTLS and SRTP, composed: datagrams and ``now`` in, datagrams and events out.

The session only passes things along. ICE owns the path, DTLS the handshake, SRTP the keys; what each of them refuses
comes back as a :class:`~rtcsplit.drops.DropReason` for the caller to count. After every call that takes ``now``,
empty :meth:`Session.datagrams_to_send` and :meth:`Session.next_event`, and ask :meth:`Session.next_timer` again.

RTP and RTCP are authenticated packets here and no more: streams, reports and audio are above, in ``rtcsplit.media``.
Data channels are used through :attr:`Session.channels`; what they cause leaves with the session's datagrams, and what
they report comes with its events.

Sources: RFC 8445 (ICE), RFC 5764 (DTLS-SRTP), RFC 7675 (consent), RFC 7983 (demultiplexing).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, auto

from ..drops import DropReason
from ..errors import UsageError
from ..wire.address import Address, Path
from ..wire.packet import Kind, classify
from .datachannel import DataChannels
from .dtls import DtlsEndpoint, DtlsState
from .dtls_context import DtlsContext
from .events import (
    AddressAuthenticated,
    ConsentExpired,
    DataReceived,
    DtlsClosed,
    DtlsFailed,
    EndCause,
    HandshakeCompleted,
    HeldPacketDropped,
    IceRestarted,
    PathChanged,
    RtcpReceived,
    RtpReceived,
    SessionConnected,
    SessionEnded,
    SessionEvent,
    UfragRetired,
)
from .ice import IceLite
from .negotiation import IceCredentials, Negotiation
from .srtp import SrtpSession
from .stun_refusals import StunRefusals

__all__ = ["Outgoing", "Session", "SessionState"]

Outgoing = tuple[bytes, Path, SrtpSession | None]
"""What a session sends: a datagram and its path, or a packet, its path and the keys that are to protect it."""

# RFC 7675 section 5.2: consent is gone with these, and nothing more may leave.
_WITHOUT_CONSENT = frozenset({EndCause.PEER_CLOSED, EndCause.CONSENT_EXPIRED, EndCause.CHECK_TIMEOUT})
# RFC 5764 section 5.1.2 leaves it to us what becomes of SRTP that overtakes the end of the handshake.
_MAX_EARLY_PACKETS = 32
_NOT_CONNECTED = "media can be sent while the session is connected, not before and not after"


class SessionState(Enum):
    """Where a session stands; the diagram of docs/explanation/session.md is checked against :data:`TRANSITIONS`."""

    CHECKING = auto()  # waits for the first authenticated check
    HANDSHAKING = auto()  # a path exists, DTLS runs
    CONNECTED = auto()  # keys exist, media flows
    CLOSED = auto()  # takes and sends nothing


class Trigger(Enum):
    """What moves a session from state to state."""

    PATH_FOUND = auto()  # ICE has an address to send to
    KEYS_EXPORTED = auto()  # DTLS completed and the peer's certificate matched
    ENDED = auto()  # closed by either side, expired or failed


TRANSITIONS = {
    (SessionState.CHECKING, Trigger.PATH_FOUND): SessionState.HANDSHAKING,
    (SessionState.HANDSHAKING, Trigger.KEYS_EXPORTED): SessionState.CONNECTED,
    (SessionState.CHECKING, Trigger.ENDED): SessionState.CLOSED,
    (SessionState.HANDSHAKING, Trigger.ENDED): SessionState.CLOSED,
    (SessionState.CONNECTED, Trigger.ENDED): SessionState.CLOSED,
}


class Session:
    """A WebRTC peer as the transceiver sees it.

    Args:
        local_ice: our credentials; the ufrag is what the relay routes by.
        negotiation: what offer and answer settled.
        dtls_context: certificate and profiles, shared by all sessions of a process.
        refusals: the process-wide, rate-limited answers to unauthenticated requests.
        random: returns as many random octets as it is asked for.
        now: monotonic seconds.

    Attributes:
        state: where the session stands; nobody else's to set.
        channels: the session's data channels, None where none were negotiated.
    """

    __slots__ = (
        "_dtls",
        "_early",
        "_events",
        "_handlers",
        "_ice",
        "_is_timer_nearer",
        "_outgoing",
        "_srtp",
        "channels",
        "state",
    )

    def __init__(
        self,
        local_ice: IceCredentials,
        negotiation: Negotiation,
        *,
        dtls_context: DtlsContext,
        refusals: StunRefusals,
        random: Callable[[int], bytes],
        now: float,
    ) -> None:
        self._ice = IceLite(local_ice, negotiation.remote_ice, refusals=refusals, random=random, now=now)
        self._dtls = DtlsEndpoint(dtls_context, negotiation.dtls_role, negotiation.remote_fingerprints)
        self._srtp: SrtpSession | None = None
        data = negotiation.data
        self.channels = None if data is None else DataChannels(data, negotiation.dtls_role, random=random)
        self.state = SessionState.CHECKING
        self._early: deque[tuple[Kind, bytes, Path]] = deque()
        self._events: deque[SessionEvent] = deque()
        self._outgoing: list[Outgoing] = []
        self._is_timer_nearer = False
        self._handlers: dict[Kind, Callable[[bytes, Path, float], DropReason | None]] = {
            Kind.STUN: self._receive_stun,
            Kind.DTLS: self._receive_dtls,
            Kind.RTP: self._receive_srtp,
            Kind.RTCP: self._receive_srtcp,
        }

    @property
    def path(self) -> Path | None:
        """Where the session sends, None before the first authenticated check."""
        return self._ice.path

    @property
    def srtp(self) -> SrtpSession | None:
        """The keys of the media, None before the handshake has ended."""
        return self._srtp

    def receive(self, datagram: bytes, path: Path, now: float) -> DropReason | None:
        """Take a datagram of any kind; return why it was dropped, or None."""
        kind = classify(datagram)
        if isinstance(kind, DropReason):
            return kind
        return self.receive_classified(kind, datagram, path, now)

    def receive_classified(self, kind: Kind, datagram: bytes, path: Path, now: float) -> DropReason | None:
        """Take a datagram whose kind is known already; return why it was dropped, or None."""
        if self.state is SessionState.CLOSED:
            return DropReason.SESSION_CLOSED
        return self._handlers[kind](datagram, path, now)

    def accept_opened(self, kind: Kind, path: Path, now: float) -> DropReason | None:
        """Take note of an RTP or RTCP packet that was unprotected elsewhere, with the contexts of :attr:`srtp`.

        Returns:
            None where it may be used, else why not.
        """
        if self.state is SessionState.CLOSED:
            return DropReason.SESSION_CLOSED
        ice = self._ice
        if path is not ice.path and not ice.is_authenticated(path.client):  # the selected tuple always is
            return DropReason.PATH_UNAUTHENTICATED
        if kind is not Kind.RTP:
            ice.note_authenticated_rtcp(path, now)
        elif ice.note_authenticated_media(path, now):
            self._follow_ice(now)
            self._is_timer_nearer = True
        return None

    def send_rtp(self, packet: bytes, now: float) -> None:
        """Queue one RTP packet, to be protected when it is collected.

        One that libsrtp refuses then, for its sequence number was used before, becomes a ``HeldPacketDropped``.

        Raises:
            UsageError: the session is not connected, the packet is no RTP packet, or it exceeds what one datagram
                carries; nothing was queued.
        """
        srtp = self._srtp
        if srtp is None or self.state is not SessionState.CONNECTED:
            raise UsageError(_NOT_CONNECTED)
        self._queue_media(packet, srtp, now, srtp.admit(packet))

    def send_rtp_kept(self, packet: bytes, now: float) -> bytes:
        """Protect one RTP packet at once, queue it, and return the datagram, for :meth:`repeat`.

        Raises:
            UsageError: as :meth:`.srtp.SrtpSession.protect`, or the session is not connected; nothing was queued.
        """
        srtp = self._srtp
        if srtp is None or self.state is not SessionState.CONNECTED:
            raise UsageError(_NOT_CONNECTED)
        datagram = srtp.protect(packet)
        self._queue_media(datagram, srtp, now, srtp.is_exhausted, is_protected=True)
        return datagram

    def repeat(self, datagram: bytes, now: float) -> None:
        """Queue a datagram that :meth:`send_rtp_kept` returned, as it is: no packet is ever protected twice.

        Raises:
            UsageError: the session is not connected; nothing was queued.
        """
        srtp = self._srtp
        if srtp is None or self.state is not SessionState.CONNECTED:
            raise UsageError(_NOT_CONNECTED)
        self._queue_media(datagram, srtp, now, False, is_protected=True)

    def send_rtcp(self, packet: bytes, now: float) -> None:
        """Queue one compound RTCP packet, to be protected when it is collected.

        Raises:
            UsageError: as :meth:`send_rtp`.
        """
        srtp = self._srtp
        if srtp is None or self.state is not SessionState.CONNECTED:
            raise UsageError(_NOT_CONNECTED)
        self._queue_media(packet, srtp, now, srtp.admit_rtcp(packet))

    def restart_ice(self, local: IceCredentials, remote: IceCredentials, now: float) -> None:
        """Restart ICE (RFC 8445 section 9); the path, the DTLS association and the keys stay (RFC 8842 section 4).

        Checks with either side's old credentials count until the path is one of the new ones; see
        :meth:`.ice.IceLite.restart`.

        Raises:
            UsageError: the session is closed, or the ufrag is in use; nothing has changed.
        """
        self._ice.restart(local, remote)
        self._follow_ice(now)

    def close(self, now: float, *, cause: EndCause = EndCause.CLOSED) -> None:
        """End the session with a close_notify; what is queued already leaves first. Idempotent."""
        self._end(cause, now)

    def is_silent_at(self, client: Address, now: float) -> bool:
        """Whether the session has moved away from ``client`` or heard nothing authentic there for too long (C10)."""
        path = self._ice.path
        return path is None or path.client != client or self._ice.is_silent(now)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Path]]:
        """Return and forget what is to be sent, in order."""
        datagrams = []
        for octets, path, srtp in self.outgoing(now):
            datagram = octets if srtp is None else srtp.seal(octets)
            if datagram is None:
                self._events.append(HeldPacketDropped(DropReason.SEND_FAILED))
            else:
                datagrams.append((datagram, path))
        return datagrams

    def outgoing(self, now: float) -> list[Outgoing]:
        """As :meth:`datagrams_to_send`, but media not protected yet: for who protects a batch of them in one call."""
        self._collect(now)
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def media_to_send(self) -> list[Outgoing]:
        """As :meth:`outgoing`, when only media was received or sent since it was called last.

        Such a session has nothing else to send, and :meth:`next_timer` is not nearer than it was, unless
        :attr:`has_news` says so. Asking for less keeps the memory of thousands of sessions out of the cache.
        """
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    @property
    def has_news(self) -> bool:
        """Whether :meth:`next_event` has one, or :meth:`next_timer` may have come nearer since it was asked last."""
        return bool(self._events) or self._is_timer_nearer

    def next_event(self) -> SessionEvent | None:
        """Return and forget the oldest event, None when there is none."""
        return self._events.popleft() if self._events else None

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called, None for never."""
        self._is_timer_nearer = False
        if self.state is SessionState.CLOSED:
            return None
        timer = _earlier(self._ice.next_timer(), self._dtls.next_timer())
        return timer if self.channels is None else _earlier(timer, self.channels.next_timer())

    def handle_timer(self, now: float) -> None:
        """Do what is due at ``now``; early and repeated calls do no harm."""
        if self.state is SessionState.CLOSED:
            return
        self._ice.handle_timer(now)
        self._follow_ice(now)
        self._dtls.handle_timer(now)
        self._follow_dtls(now)
        if self.channels is not None:
            self.channels.handle_timer(now)

    # receiving

    def _receive_stun(self, datagram: bytes, path: Path, now: float) -> DropReason | None:
        was_known = self._ice.is_authenticated(path.client)
        was_handshaking = self.state is SessionState.HANDSHAKING
        reason = self._ice.receive(datagram, path, now)
        if not was_known and self._ice.is_authenticated(path.client):
            self._events.append(AddressAuthenticated(path.client))
        self._follow_ice(now)
        if reason is None and was_handshaking and self.state is SessionState.HANDSHAKING:
            self._dtls.repeat_flight(now)  # the peer may not have heard it, or not on this address
        return reason

    def _receive_dtls(self, datagram: bytes, path: Path, now: float) -> DropReason | None:
        if not self._ice.is_authenticated(path.client):
            return DropReason.PATH_UNAUTHENTICATED
        reason = self._dtls.receive(datagram, now)
        refusal = self._follow_dtls(now)
        return reason if reason is not None else refusal

    def _receive_data(self, data: bytes, now: float) -> DropReason | None:
        return DropReason.SCTP_UNEXPECTED if self.channels is None else self.channels.receive(data, now)

    def _receive_srtp(self, datagram: bytes, path: Path, now: float) -> DropReason | None:
        refusal = self._refuse_or_hold(Kind.RTP, datagram, path)
        if self._srtp is None or refusal is not None:
            return refusal
        packet = self._srtp.unprotect(datagram)
        if isinstance(packet, DropReason):
            return packet
        self.accept_opened(Kind.RTP, path, now)
        self._events.append(RtpReceived(packet, now))
        return None

    def _receive_srtcp(self, datagram: bytes, path: Path, now: float) -> DropReason | None:
        refusal = self._refuse_or_hold(Kind.RTCP, datagram, path)
        if self._srtp is None or refusal is not None:
            return refusal
        packet = self._srtp.unprotect_rtcp(datagram)
        if isinstance(packet, DropReason):
            return packet
        self.accept_opened(Kind.RTCP, path, now)
        self._events.append(RtcpReceived(packet, now))
        return None

    def _refuse_or_hold(self, kind: Kind, datagram: bytes, path: Path) -> DropReason | None:
        """Refuse protected media from strangers; hold a little of it while there are no keys yet."""
        if not self._ice.is_authenticated(path.client):
            return DropReason.PATH_UNAUTHENTICATED
        if self._srtp is None:
            if len(self._early) >= _MAX_EARLY_PACKETS:
                return DropReason.SRTP_NO_KEYS
            self._early.append((kind, datagram, path))
        return None

    # following what the parts report

    def _follow_ice(self, now: float) -> None:
        while (event := self._ice.next_event()) is not None:
            match event:
                case PathChanged():
                    self._events.append(event)
                    self._start_handshake(now)
                case IceRestarted() | UfragRetired():
                    self._events.append(event)
                case ConsentExpired(was_connected=True):
                    self._end(EndCause.CONSENT_EXPIRED, now)
                case ConsentExpired():
                    self._end(EndCause.CHECK_TIMEOUT, now)

    def _start_handshake(self, now: float) -> None:
        if self.state is SessionState.CHECKING:
            self._apply(Trigger.PATH_FOUND)
            self._dtls.start(now)
            self._follow_dtls(now)

    def _follow_dtls(self, now: float) -> DropReason | None:
        """Do what DTLS reports; return why application data was dropped, None where it was not."""
        refusal = None
        while (event := self._dtls.next_event()) is not None:
            match event:
                case HandshakeCompleted(keys):
                    self._srtp = SrtpSession(keys)
                    self._ice.handshake_ended(now)
                    self._apply(Trigger.KEYS_EXPORTED)
                    if self._ice.path is not None:
                        self._events.append(SessionConnected(self._ice.path))
                    self._release_early(now)
                    if self.channels is not None:
                        self.channels.start(now)
                case DtlsFailed(error):
                    is_late = error.code == "handshake_timeout"
                    cause = EndCause.HANDSHAKE_TIMEOUT if is_late else EndCause.HANDSHAKE_FAILED
                    self._end(cause, now, detail=str(error), code=error.code)
                case DtlsClosed():
                    self._end(EndCause.PEER_CLOSED, now)
                case DataReceived(data):
                    refusal = self._receive_data(data, now)
        self._follow_channels()
        return refusal

    def _follow_channels(self) -> None:
        if self.channels is not None:
            while (event := self.channels.next_event()) is not None:
                self._events.append(event)

    def _release_early(self, now: float) -> None:
        """Hand on what came before the keys."""
        early, self._early = self._early, deque()
        for kind, datagram, path in early:
            reason = self._handlers[kind](datagram, path, now)
            if reason is not None:
                self._events.append(HeldPacketDropped(reason))

    # sending

    def _queue_media(
        self, packet: bytes, srtp: SrtpSession, now: float, is_last: bool, *, is_protected: bool = False
    ) -> None:
        path = self._ice.path
        if path is not None:
            self._outgoing.append((packet, path, None if is_protected else srtp))
            self._ice.note_sent(now)
        if is_last:
            self._end(EndCause.KEYS_EXHAUSTED, now)  # RFC 3711 section 9.2: stop before a key is used too often

    def _collect(self, now: float) -> None:
        """Move what ICE and DTLS have to say behind what is queued already. DTLS waits for a path."""
        if self.state is SessionState.CLOSED:
            return
        self._outgoing += [(datagram, path, None) for datagram, path in self._ice.datagrams_to_send(now)]
        self._collect_channels(now)
        self._collect_dtls(now)

    def _collect_channels(self, now: float) -> None:
        if self.channels is not None and self._dtls.state is DtlsState.ESTABLISHED:
            for packet in self.channels.packets_to_send(now):
                self._dtls.send(packet)
        self._follow_channels()

    def _collect_dtls(self, now: float) -> None:
        path = self._ice.path
        if path is not None:
            for datagram in self._dtls.datagrams_to_send(now):
                self._outgoing.append((datagram, path, None))
                self._ice.note_sent(now)

    # ending

    def _end(self, cause: EndCause, now: float, *, detail: str = "", code: str = "") -> None:
        """Close once. Where consent stands, a failure's alert or our close_notify is the last thing sent."""
        if self.state is SessionState.CLOSED:
            return
        if self.channels is not None:
            self.channels.close()
            self._collect_channels(now)
        self._dtls.close(now)
        if cause in _WITHOUT_CONSENT:
            self._outgoing.clear()
        else:
            self._collect(now)
        self._apply(Trigger.ENDED)
        self._ice.close()
        self._events.extend(HeldPacketDropped(DropReason.SRTP_NO_KEYS) for _ in self._early)
        self._early.clear()
        self._events.append(SessionEnded(cause, detail, code))

    def _apply(self, trigger: Trigger) -> None:
        self.state = TRANSITIONS.get((self.state, trigger), self.state)


def _earlier(time: float | None, other: float | None) -> float | None:
    return other if time is None else time if other is None else min(time, other)
