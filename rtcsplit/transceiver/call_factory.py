"""From an SDP offer to a call: credentials, the answer, and the objects that serve it. No I/O."""

from __future__ import annotations

import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from functools import partial

from ..media.rtp_session import RtpSession
from ..routing.hint import RoutingKeys, random_ufrag
from ..session.dtls_context import DtlsContext
from ..session.negotiation import AudioNegotiation, IceCredentials, Negotiation
from ..session.sdp import Answer, LocalDescription, OfferAnswer, parse_offer
from ..session.session import Session
from ..session.stun_refusals import StunRefusals
from ..wire.address import Address
from .call import Call
from .handshakes import HandshakeThread
from .session_log import LogDirectory, SessionLog
from .settings import TransceiverSettings

__all__ = ["CallFactory"]

_PWD_OCTETS = 18  # 24 ice-chars; RFC 8839 section 5.4 asks for 128 random bits
_CALL_ID_OCTETS = 16  # 128 random bits: session URLs cannot be guessed (RFC 9725 section 5)
_NONCE_OCTETS = 5
FEEDBACK = frozenset({"nack", "transport-cc"})  # what ``media.feedback`` does


class CallFactory:
    """Makes calls for one transceiver.

    Args:
        settings: what the transceiver was told.
        keys: hint keys, None in direct mode without them; may be replaced.
        dtls_context: certificate and profiles of all calls.
        refusals: shared answers to unauthenticated requests.
        random: returns as many random octets as it is asked for.
        clock: monotonic seconds.
        has_data: whether data channels are taken where they are offered.
        handshakes: where handshakes run; in whatever thread drives the calls if None.
    """

    def __init__(
        self,
        settings: TransceiverSettings,
        keys: RoutingKeys | None,
        dtls_context: DtlsContext,
        *,
        refusals: StunRefusals,
        random: Callable[[int], bytes],
        clock: Callable[[], float],
        has_data: bool = False,
        handshakes: HandshakeThread | None = None,
    ) -> None:
        self._settings = settings
        self.keys = keys
        self._dtls_context = dtls_context
        self._refusals = refusals
        self._random = random
        self._clock = clock
        self._has_data = has_data
        self._handshakes = handshakes

    def make(
        self,
        offer: bytes,
        own_address: Address,
        *,
        is_taken: Callable[[str], bool],
        write_log: Callable[[str], None] | None = None,
        candidates: tuple[Address, ...] = (),
    ) -> tuple[Call, Answer]:
        """Return a new call and the answer that invites the client into it.

        Args:
            offer: the client's SDP.
            own_address: the candidate where settings advertise none (direct mode).
            is_taken: whether a living call has a ufrag already.
            write_log: takes the lines of the session's log; where the settings say if None.
            candidates: where this client reaches us; where everybody does if empty.

        Raises:
            SdpError: the offer cannot be answered; nothing was made.
        """
        parsed = parse_offer(offer)
        local = LocalDescription.create(
            self.credentials(is_taken),
            self._dtls_context.certificate.fingerprint,
            candidates or self._settings.advertise or (own_address,),
            self._random,
            setup=self._settings.dtls_setup,
            has_data=self._has_data,
            feedback=FEEDBACK,
            has_snap=self._settings.has_snap,
        )
        offers = OfferAnswer(local)
        answer = offers.answer(parsed)
        log = self._new_log(local, answer.negotiation, write_log)
        return self._new_call(offers, answer.negotiation, log), answer

    def credentials(self, is_taken: Callable[[str], bool]) -> IceCredentials:
        """Return fresh ICE credentials, of a new call or of one whose ICE restarts; the ufrag routes here."""
        return IceCredentials(self._new_ufrag(is_taken), b64encode(self._random(_PWD_OCTETS)).decode())

    def _new_log(
        self, local: LocalDescription, negotiation: Negotiation, write: Callable[[str], None] | None
    ) -> SessionLog | None:
        started, now = time.time(), self._clock()
        if write is None and self._settings.session_log_directory is not None:
            directory = LogDirectory(self._settings.session_log_directory)
            write = directory.file_for(local.ice.ufrag, started, self._random)
        if write is None:
            return None
        log = SessionLog(write, local.ice.ufrag, now, started)
        log.accepted(negotiation, local.candidates, now)
        return log

    def _new_call(
        self,
        offers: OfferAnswer,
        negotiation: Negotiation,
        log: SessionLog | None,
    ) -> Call:
        call: Call
        local = offers.local
        session = Session(
            local.ice,
            negotiation,
            dtls_context=self._dtls_context,
            refusals=self._refusals,
            random=self._random,
            now=self._clock(),
            open_dtls=None if self._handshakes is None else partial(self._handshakes.open, lambda: call.follow_dtls()),
        )
        call = Call(
            urlsafe_b64encode(self._random(_CALL_ID_OCTETS)).rstrip(b"=").decode(),
            local.ice.ufrag,
            session,
            negotiation.audio,
            offers=offers,
            new_rtp=lambda audio, now: self._new_rtp(local, audio, now),
            clock=self._clock,
            log=log,
        )
        return call

    def _new_rtp(self, local: LocalDescription, audio: AudioNegotiation, now: float) -> RtpSession:
        return RtpSession(
            audio,
            local.cname,
            self._random,
            now,
            ntp_offset=time.time() - self._clock(),
            ssrc=local.ssrc,
            silent_intervals=self._settings.silent_intervals,
        )

    def _new_ufrag(self, is_taken: Callable[[str], bool]) -> str:
        """Make a ufrag that no living call has; 40 random bits collide too rarely for the loop to be felt."""
        while True:
            if self.keys is None or self._settings.route is None:
                ufrag = random_ufrag(self._random)
            else:
                ufrag = self.keys.mint(self._settings.route, self._random(_NONCE_OCTETS))
            if not is_taken(ufrag):
                return ufrag
