"""One call: a session and the RTP that runs over it, and the handle by which an application uses both."""

from __future__ import annotations

from collections.abc import Callable

from .._native.rtp_session import NativeRtpSession
from ..drops import DropReason
from ..errors import UsageError
from ..media.remote_report import RemoteReport
from ..media.rtp_session import RtpSession
from ..media.statistics import RtpStatistics
from ..session.events import EndCause
from ..session.negotiation import AudioCodec, AudioNegotiation, IceCredentials, Negotiation
from ..session.outbox import Outgoing
from ..session.sdp import OfferAnswer
from ..session.session import Session
from ..session.session_state import SessionState
from ..wire.address import Path
from ..wire.rtp import RtpPacket
from .batch_trust import BatchTrust
from .call_channels import CallChannels
from .companion import Companion
from .session_log import SessionLog
from .setup_times import CallSetup
from .transport_statistics import TransportStatistics

__all__ = ["Call"]


def _nobody(call: Call) -> None:
    """Whom a call tells before it is attached."""


class Call:
    """A peer's session with its audio.

    Args:
        call_id: unguessable name, the last part of the session URL.
        ufrag: our ICE ufrag; another one after an ICE restart.
        session: ICE, DTLS and SRTP of the peer.
        audio: what was negotiated, None where the answer has no audio.
        offers: the offers and answers of the call.
        new_rtp: makes the RTP session once there are keys, given ``now``; its first report counts from then.
        clock: the monotonic clock of the loop that drives the call.
        log: the session's log, None for none.

    Attributes:
        audio: as the latest answer has it.
        setup: how far the call has come.
        path_changes: how often :attr:`path` was set or moved.
        channels: the call's data channels, None where none were negotiated.
        companion: driven with the call while that is connected; None for none. Set by the application, which calls
            :meth:`wake` whenever it changes the companion's timer outside of its callbacks.
    """

    __slots__ = (
        "_changed",
        "_clock",
        "_codecs",
        "_may_send",
        "_new_rtp",
        "_on_end",
        "_rtp",
        "_sent",
        "_trust",
        "audio",
        "call_id",
        "channels",
        "companion",
        "log",
        "offers",
        "path_changes",
        "session",
        "setup",
        "ufrag",
    )

    def __init__(
        self,
        call_id: str,
        ufrag: str,
        session: Session,
        audio: AudioNegotiation | None,
        *,
        offers: OfferAnswer,
        new_rtp: Callable[[AudioNegotiation, float], RtpSession],
        clock: Callable[[], float],
        log: SessionLog | None = None,
    ) -> None:
        self.call_id = call_id
        self.ufrag = ufrag
        self.session = session
        self.audio = audio
        self.offers = offers
        self.log = log
        self.setup = CallSetup(clock())
        self.path_changes = 0
        self.companion: Companion | None = None
        self._may_send = audio is not None and audio.direction.may_send
        self._codecs = {codec.payload_type: codec for codec in audio.formats} if audio else {}
        self._rtp: RtpSession | None = None
        self._new_rtp = new_rtp
        self._trust = BatchTrust(session)
        self._clock = clock
        self._changed: Callable[[Call], None] = _nobody
        self._sent: Callable[[Call], None] = _nobody
        self.channels = self._new_channels()
        self._on_end: list[Callable[[], None]] = []

    @property
    def path(self) -> Path | None:
        """Where the call sends, None before the first authenticated check."""
        return self.session.path

    @property
    def can_send(self) -> bool:
        """Whether audio may be sent now: connected, and the negotiated direction allows it."""
        return self._may_send and self.session.state is SessionState.CONNECTED

    @property
    def statistics(self) -> RtpStatistics | None:
        """Counts and times of the audio so far, None before the call is connected or where there is no audio."""
        return None if self._rtp is None else self._rtp.statistics

    @property
    def transport(self) -> TransportStatistics:
        """States of ICE and DTLS, and where the client is."""
        negotiation = self.offers.negotiation
        assert negotiation is not None  # there is no call before its answer
        return TransportStatistics.of(self.session, negotiation.dtls_role, self.path_changes)

    @property
    def remote_report(self) -> RemoteReport | None:
        """What the peer said last of the audio that it gets, None before the call is connected."""
        return None if self._rtp is None else self._rtp.remote_report

    @property
    def now(self) -> float:
        """Monotonic seconds on the clock that drives the call."""
        return self._clock()

    def codec(self, payload_type: int) -> AudioCodec:
        """Return the negotiated codec of a received packet's payload type.

        Raises:
            UsageError: it was not negotiated.
        """
        codec = self._codecs.get(payload_type)
        if codec is None:
            raise UsageError(f"payload type {payload_type} was not negotiated")
        return codec

    def send_audio(
        self,
        payload: bytes,
        *,
        duration: int,
        payload_type: int | None = None,
        has_marker: bool = False,
        gap: int | None = None,
    ) -> None:
        """Send one packet of encoded audio.

        It is left out, and counted as withheld, while the peer has stopped reporting what it receives (RFC 8083).

        Args:
            payload: what the codec made, 1 to 1,172 octets.
            duration: samples per channel in it, in the codec's RTP clock (960 for 20 ms of Opus).
            payload_type: a negotiated one; the preferred one if None.
            has_marker: first packet after silence (RFC 3551 section 4.1).
            gap: silence before it, in the codec's RTP clock; taken from the clock if None.

        Raises:
            UsageError: the call is not connected or not allowed to send, or an argument is out of range; nothing was
                sent.
        """
        rtp = self._rtp
        if rtp is None or not self._may_send or self.session.state is not SessionState.CONNECTED:
            raise UsageError("this call cannot send audio: not connected, or not negotiated in that direction")
        now = self._clock()
        if rtp.withholds(now):
            return
        packet = rtp.send(payload, duration=duration, payload_type=payload_type, marker=has_marker, gap=gap, now=now)
        self._send(rtp, packet, now)

    def start_echo(self, *, delivers: bool = False) -> None:
        """Send every packet of audio back as it came, with our own RTP header, from now on.

        It happens in the batch that brings a packet, without Python. Timestamps keep the distances of what came: a gap
        of discontinuous transmission stays a gap.

        Args:
            delivers: let the application's ``packet_received`` have the packets besides.
        """
        self._trust.echoes, self._trust.delivers = True, delivers
        self._changed(self)

    def stop_echo(self) -> None:
        """Send nothing back any more; packets come to the application. Idempotent."""
        self._trust.echoes, self._trust.delivers = False, True
        self._changed(self)

    def close(self) -> None:
        """End the call: RTCP BYE, close_notify, then silence. Idempotent."""
        now = self._clock()
        if self._rtp is not None and self._is_open:
            self.session.send_rtcp(self._rtp.goodbye(now), now)
        self.session.close(now)
        self._changed(self)

    def follow_dtls(self) -> None:
        """Take what the handshake has brought, where it runs in a thread of its own."""
        self.session.follow_dtls(self._clock())
        self._changed(self)

    def wake(self) -> None:
        """Have the timer of the call's companion looked at anew."""
        self._sent(self)

    def on_end(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called once, when the call has ended by whatever cause."""
        self._on_end.append(callback)

    # what the switchboard does with it

    def give_up(self, cause: EndCause, now: float) -> None:
        """End the call without a BYE."""
        self.session.close(now, cause=cause)
        self._changed(self)

    def attach(self, changed: Callable[[Call], None], sent: Callable[[Call], None]) -> None:
        """Have ``changed`` called whenever the application made the call do something, ``sent`` if that was media."""
        self._changed, self._sent = changed, sent

    def ended(self) -> list[Callable[[], None]]:
        """The session is over and gone from every table: return and forget what is to be called."""
        callbacks, self._on_end = self._on_end, []
        return callbacks

    def renegotiate(self, negotiation: Negotiation, now: float, *, restart: IceCredentials | None = None) -> None:
        """Follow a later answer; arguments as of :meth:`.Session.renegotiate`.

        Raises:
            UsageError: as there; nothing has changed.
        """
        self.session.renegotiate(negotiation, now, restart=restart)
        self.audio = negotiation.audio
        self._may_send = self.audio is not None and self.audio.direction.may_send
        if self._rtp is not None and self.audio is not None:
            self._rtp.renegotiate(self.audio)
        if self.channels is None:
            self.channels = self._new_channels()
        if self.companion is not None:
            self.companion.renegotiated(now)

    def begin_media(self, now: float) -> None:
        """Keys exist: streams and reports begin."""
        if self.audio is not None:
            self._rtp = self._new_rtp(self.audio, now)

    def take_rtp(self, packet: RtpPacket | bytes, arrived_at: float) -> RtpPacket | DropReason:
        """Account for an authentic RTP packet, parsed or not."""
        if self._rtp is None:
            return DropReason.RTP_PAYLOAD_TYPE
        if isinstance(packet, RtpPacket):
            return self._rtp.receive_parsed(packet, arrived_at)
        return self._rtp.receive_rtp(packet, arrived_at)

    @property
    def delivers(self) -> bool:
        """Whether the application wants packets."""
        return self._trust.delivers

    def send_back(self, packet: RtpPacket, now: float) -> None:
        """Send a packet's payload back, where the call echoes and the packet was not taken in a batch."""
        rtp = self._rtp
        if not self._trust.echoes or rtp is None or not self.can_send or rtp.withholds(now):
            return
        echo = rtp.entrusted.echo(packet, now)
        if echo is not None:
            self._send(rtp, echo, now)

    def catch_up(self) -> None:
        """Take note of what batches did without asking, before anything else happens to the call."""
        if self._rtp is not None:
            self._trust.catch_up(self._rtp)

    def entrust(self) -> None:
        """Say what batches may do without asking from now on: after whatever happened to the call, before the next."""
        if self._rtp is not None:
            self._trust.renew(self._rtp, is_logged=self.log is not None)

    def take_rtcp(self, packet: bytes, arrived_at: float) -> DropReason | None:
        """Account for an authentic RTCP packet."""
        return DropReason.RTCP_MALFORMED if self._rtp is None else self._rtp.receive_rtcp(packet, arrived_at)

    def outgoing(self, now: float) -> list[Outgoing]:
        """Return and forget what the call has to send, reports that are due included."""
        if self._rtp is not None and self._is_open:
            for report in self._rtp.rtcp_to_send(now):
                self.session.send_rtcp(report, now)
            for datagram in self._rtp.datagrams_to_repeat():
                self.session.repeat(datagram, now)
        return self.session.outgoing(now)

    def media_to_send(self) -> list[Outgoing] | None:
        """As :meth:`outgoing`, where only media was received or sent; None where there may be more to do."""
        if self.session.has_news or (self._rtp is not None and self._rtp.has_rtcp):
            return None
        return self.session.media_to_send()

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called."""
        timer = self.session.next_timer()
        if not self._is_open:
            return timer
        other = None if self._rtp is None else self._rtp.next_timer()
        return timer if other is None or (timer is not None and timer < other) else other

    def handle_timer(self, now: float) -> None:
        """Do what is due at ``now``."""
        self.catch_up()
        self.session.handle_timer(now)
        if self._rtp is not None:
            self._rtp.handle_timer(now)

    def companion_timer(self) -> float | None:
        """Return when :meth:`drive_companion` wants to be called."""
        return self.companion.next_timer() if self.companion is not None and self._is_open else None

    def drive_companion(self, now: float) -> None:
        """Let the companion do what is due at ``now``; of the call itself nothing is."""
        if self.companion is not None and self._is_open:
            self.companion.handle_timer(now)

    def _new_channels(self) -> CallChannels | None:
        data = self.session.channels
        return None if data is None else CallChannels(data, clock=self._clock, changed=lambda: self._changed(self))

    def _send(self, rtp: RtpSession, packet: bytes, now: float) -> None:
        if rtp.keeps_packets:
            rtp.keep(self.session.send_rtp_kept(packet, now), now)
        else:
            self.session.send_rtp(packet, now)
        self._sent(self)

    @property
    def native_rtp(self) -> NativeRtpSession | None:
        """What batches may do without asking; None where there is no audio, or no keys yet."""
        return None if self._rtp is None else self._rtp.entrusted.native

    @property
    def _is_open(self) -> bool:
        return self.session.state is SessionState.CONNECTED
