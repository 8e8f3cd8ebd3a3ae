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

from collections.abc import Callable
from functools import partial

from ..drops import DropReason
from ..wire.address import Address, Path
from ..wire.packet import Kind, classify
from .association import Association
from .dtls import DtlsEndpoint
from .dtls_context import DtlsContext
from .dtls_like import OpenDtls
from .events import (
    AddressAuthenticated,
    ConsentExpired,
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
from .keying import SrtpKeys
from .negotiation import IceCredentials, Negotiation
from .outbox import Outbox, Outgoing
from .session_media import SessionMedia
from .session_state import TRANSITIONS, SessionState, Trigger
from .srtp import SrtpSession
from .stun_refusals import StunRefusals

__all__ = ["Session"]

# RFC 7675 section 5.2: consent is gone with these, and nothing more may leave.
_WITHOUT_CONSENT = frozenset({EndCause.PEER_CLOSED, EndCause.CONSENT_EXPIRED, EndCause.CHECK_TIMEOUT})


class Session:
    """A WebRTC peer as the transceiver sees it.

    Args:
        local_ice: our credentials; the ufrag is what the relay routes by.
        negotiation: what offer and answer settled.
        dtls_context: certificate and profiles, shared by all sessions of a process.
        refusals: the process-wide, rate-limited answers to unauthenticated requests.
        random: returns as many random octets as it is asked for.
        now: monotonic seconds.
        open_dtls: makes the DTLS part in place of a :class:`.dtls.DtlsEndpoint` of ``dtls_context``; whoever gives one
            calls :meth:`follow_dtls` when it has news.

    Attributes:
        state: where the session stands; nobody else's to set.
        channels: the session's data channels, None where none were negotiated.
    """

    __slots__ = (
        "_association",
        "_events",
        "_ice",
        "_is_timer_nearer",
        "_media",
        "_outbox",
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
        open_dtls: OpenDtls | None = None,
    ) -> None:
        self._ice = IceLite(local_ice, negotiation.remote_ice, refusals=refusals, random=random, now=now)
        self._association = Association(open_dtls or partial(DtlsEndpoint, dtls_context), negotiation, random)
        self._outbox = Outbox(self._ice)
        self._media = SessionMedia(self._ice, self._outbox)
        self.channels = self._association.channels
        self.state = SessionState.CHECKING
        self._events: list[SessionEvent] = []
        self._is_timer_nearer = False

    @property
    def path(self) -> Path | None:
        """Where the session sends, None before the first authenticated check."""
        return self._ice.path

    @property
    def srtp(self) -> SrtpSession | None:
        """The keys of the media, None before the handshake has ended."""
        return self._media.srtp

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
        return _HANDLERS[kind](self, datagram, path, now)

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

    @property
    def media_path(self) -> Path | None:
        """From where and to where media may pass without asking, until something else happens to the session.

        Whoever makes use of it tells :meth:`note_media` before that. None: ask for each packet.
        """
        is_settled = self.state is SessionState.CONNECTED and not self._ice.has_waiting
        return self._ice.path if is_settled else None

    def note_media(self, heard_at: float, sent_at: float) -> None:
        """Take note of when media passed on :attr:`media_path` last, in each direction; 0 for never."""
        path = self._ice.path
        if self.state is SessionState.CLOSED or path is None:
            return
        if heard_at:
            self._ice.note_authenticated_media(path, heard_at)
        if sent_at:
            self._ice.note_sent(sent_at)

    def rescue(self, datagram: bytes, now: float) -> DropReason | None:
        """Take SRTP that came from an address without an authenticated check.

        It counts if it is genuine and new. It moves no path and keeps none alive, and nothing is sent where it came
        from: that takes a check.

        Returns:
            Why it was dropped, or None.
        """
        if self.state is not SessionState.CONNECTED or self._media.srtp is None:
            return DropReason.PATH_UNAUTHENTICATED
        packet = self._media.srtp.unprotect(datagram)
        if isinstance(packet, DropReason):
            return packet
        self._events.append(RtpReceived(packet, now))
        return None

    def send_rtp(self, packet: bytes, now: float) -> None:
        """Queue one RTP packet, to be protected when it is collected.

        One that libsrtp refuses then, for its sequence number was used before, becomes a ``HeldPacketDropped``.

        Raises:
            UsageError: the session is not connected, the packet is no RTP packet, or it exceeds what one datagram
                carries; nothing was queued.
        """
        if self._media.send_rtp(packet, now):
            self._end(EndCause.KEYS_EXHAUSTED, now)  # RFC 3711 section 9.2: stop before a key is used too often

    def send_rtp_kept(self, packet: bytes, now: float) -> bytes:
        """Protect one RTP packet at once, queue it, and return the datagram, for :meth:`repeat`.

        Raises:
            UsageError: as :meth:`.srtp.SrtpSession.protect`, or the session is not connected; nothing was queued.
        """
        datagram = self._media.send_rtp_kept(packet, now)
        if self._media.is_exhausted:
            self._end(EndCause.KEYS_EXHAUSTED, now)
        return datagram

    def repeat(self, datagram: bytes, now: float) -> None:
        """Queue a datagram that :meth:`send_rtp_kept` returned, as it is: no packet is ever protected twice.

        Raises:
            UsageError: the session is not connected; nothing was queued.
        """
        self._media.repeat(datagram, now)

    def send_rtcp(self, packet: bytes, now: float) -> None:
        """Queue one compound RTCP packet, to be protected when it is collected.

        Raises:
            UsageError: as :meth:`send_rtp`.
        """
        if self._media.send_rtcp(packet, now):
            self._end(EndCause.KEYS_EXHAUSTED, now)

    def restart_ice(self, local: IceCredentials, remote: IceCredentials, now: float) -> None:
        """Restart ICE (RFC 8445 section 9); the path, the DTLS association and the keys stay (RFC 8842 section 4).

        Checks with either side's old credentials count until the path is one of the new ones; see
        :meth:`.ice.IceLite.restart`.

        Raises:
            UsageError: the session is closed, or the ufrag is in use; nothing has changed.
        """
        self._ice.restart(local, remote)
        self._follow_ice(now)

    def renegotiate(self, negotiation: Negotiation, now: float, *, restart: IceCredentials | None = None) -> None:
        """Follow a later offer and its answer; keys and association stay (see :class:`.sdp.OfferAnswer`).

        Args:
            negotiation: as the later answer settled it.
            now: monotonic seconds.
            restart: our new credentials where the offer restarts ICE.

        Raises:
            UsageError: as :meth:`restart_ice`; nothing has changed.
        """
        if restart is not None and negotiation.remote_ice is not None:
            self.restart_ice(restart, negotiation.remote_ice, now)
        self._association.renegotiate(negotiation, now)
        self.channels = self._association.channels
        self._follow_association(now)

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
        return self._outbox.take()

    def media_to_send(self) -> list[Outgoing]:
        """As :meth:`outgoing`, when only media was received or sent since it was called last.

        Such a session has nothing else to send, and :meth:`next_timer` is not nearer than it was, unless
        :attr:`has_news` says so. Asking for less keeps the memory of thousands of sessions out of the cache.
        """
        return self._outbox.take()

    @property
    def has_news(self) -> bool:
        """Whether :meth:`next_event` has one, or :meth:`next_timer` may have come nearer since it was asked last."""
        return bool(self._events) or self._is_timer_nearer

    def next_event(self) -> SessionEvent | None:
        """Return and forget the oldest event, None when there is none."""
        return self._events.pop(0) if self._events else None

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called, None for never."""
        self._is_timer_nearer = False
        if self.state is SessionState.CLOSED:
            return None
        timer, other = self._ice.next_timer(), self._association.next_timer()
        return other if timer is None else timer if other is None else min(timer, other)

    def handle_timer(self, now: float) -> None:
        """Do what is due at ``now``; early and repeated calls do no harm."""
        if self.state is SessionState.CLOSED:
            return
        self._ice.handle_timer(now)
        self._follow_ice(now)
        self._association.handle_timer(now)
        self._follow_association(now)

    def follow_dtls(self, now: float) -> None:
        """Take what the handshake has brought meanwhile, where it runs beside this session."""
        if self.state is not SessionState.CLOSED:
            self._association.follow(now)
            self._follow_association(now)

    # receiving

    def _receive_stun(self, datagram: bytes, path: Path, now: float) -> DropReason | None:
        was_known = self._ice.is_authenticated(path.client)
        was_handshaking, checks = self.state is SessionState.HANDSHAKING, self._ice.fresh_checks
        reason = self._ice.receive(datagram, path, now)
        if not was_known and self._ice.is_authenticated(path.client):
            self._events.append(AddressAuthenticated(path.client, self._ice.forgotten))
        self._follow_ice(now)
        is_fresh = self._ice.fresh_checks != checks  # a replay gets no more than its answer
        if is_fresh and was_handshaking and self.state is SessionState.HANDSHAKING:
            self._association.repeat_flight(now)
        return reason

    def _receive_dtls(self, datagram: bytes, path: Path, now: float) -> DropReason | None:
        if not self._ice.is_authenticated(path.client):
            return DropReason.PATH_UNAUTHENTICATED
        reason = self._association.receive(datagram, now)
        self._follow_association(now)
        return reason

    def _receive_rtp(self, datagram: bytes, path: Path, now: float) -> DropReason | None:
        packet = self._media.unprotect(Kind.RTP, datagram, path)
        if isinstance(packet, bytes):
            self.accept_opened(Kind.RTP, path, now)
            self._events.append(RtpReceived(packet, now))
            return None
        return packet

    def _receive_rtcp(self, datagram: bytes, path: Path, now: float) -> DropReason | None:
        packet = self._media.unprotect(Kind.RTCP, datagram, path)
        if isinstance(packet, bytes):
            self.accept_opened(Kind.RTCP, path, now)
            self._events.append(RtcpReceived(packet, now))
            return None
        return packet

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
            self._association.start(now)
            self._follow_association(now)

    def _follow_association(self, now: float) -> None:
        while (event := self._association.next_event()) is not None:
            match event:
                case HandshakeCompleted(keys):
                    self._connect(keys, now)
                case DtlsFailed(error):
                    is_late = error.code == "handshake_timeout"
                    cause = EndCause.HANDSHAKE_TIMEOUT if is_late else EndCause.HANDSHAKE_FAILED
                    self._end(cause, now, detail=str(error), code=error.code)
                case DtlsClosed():
                    self._end(EndCause.PEER_CLOSED, now)
                case _:
                    self._events.append(event)

    def _connect(self, keys: SrtpKeys, now: float) -> None:
        """Media may flow; hand on what came before the keys."""
        early = self._media.open(SrtpSession(keys))
        self._ice.handshake_ended(now)
        self._apply(Trigger.KEYS_EXPORTED)
        if self._ice.path is not None:
            self._events.append(SessionConnected(self._ice.path))
        for kind, datagram, path in early:
            reason = _HANDLERS[kind](self, datagram, path, now)
            if reason is not None:
                self._events.append(HeldPacketDropped(reason))

    def _collect(self, now: float) -> None:
        """Move what ICE and DTLS have to say behind what is queued already. DTLS waits for a path."""
        if self.state is not SessionState.CLOSED:
            self._outbox.put_answers(now)
            self._collect_association(now)
            self._follow_association(now)

    def _collect_association(self, now: float) -> None:
        if self._ice.path is not None:
            for datagram in self._association.datagrams_to_send(now):
                self._outbox.put(datagram, None, now)

    # ending

    def _end(self, cause: EndCause, now: float, *, detail: str = "", code: str = "") -> None:
        """Close once. Where consent stands, a failure's alert or our close_notify is the last thing sent."""
        if self.state is SessionState.CLOSED:
            return
        self._apply(Trigger.ENDED)
        self._association.close(now)
        if cause in _WITHOUT_CONSENT:
            self._outbox.clear()
        else:
            self._outbox.put_answers(now)
            self._collect_association(now)
        self._follow_association(now)
        self._ice.close()
        self._events.extend(HeldPacketDropped(DropReason.SRTP_NO_KEYS) for _ in self._media.close())
        self._events.append(SessionEnded(cause, detail, code))

    def _apply(self, trigger: Trigger) -> None:
        self.state = TRANSITIONS.get((self.state, trigger), self.state)


_HANDLERS = {  # not an attribute of each session: one that refers to itself is kept until the garbage collector comes
    Kind.STUN: Session._receive_stun,
    Kind.DTLS: Session._receive_dtls,
    Kind.RTP: Session._receive_rtp,
    Kind.RTCP: Session._receive_rtcp,
}
