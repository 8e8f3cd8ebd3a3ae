"""Our side of a description: what an answer says that no offer decides."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, get_args

from ...errors import UsageError
from ...wire.address import Address
from ..certificate import Fingerprint
from ..negotiation import Direction, IceCredentials
from ..sctp_chunks import Init
from ..sctp_handshake import new_init
from .codec import CODECS
from .tokens import is_cname, is_ice_chars, is_tls_id

__all__ = ["LocalDescription", "LocalSetup"]

LocalSetup = Literal["auto", "active", "passive"]

_SESSION_ID_OCTETS = 8
_CNAME_OCTETS = 12  # RFC 7022 section 4.2 asks for 96 bits
_TLS_ID_OCTETS = 16  # RFC 8842 section 4: at least 120 bits


@dataclass(frozen=True, slots=True)
class LocalDescription:
    """What we bring to an answer.

    Attributes:
        ice: our credentials; the ufrag carries the routing hint.
        fingerprint: of our certificate.
        candidates: addresses that clients reach us at, the preferred one first: the relay's, in direct mode our own.
        session_id: ``o=`` session id, 0..2^63-1 (RFC 9429 section 5.2.1).
        ssrc: of the stream that we send.
        cname: of our RTCP, the same as in its SDES items (RFC 7022).
        tls_id: answered where the offer has one (RFC 8842 section 5.3).
        version: ``o=`` version, one more for each answer of a session (RFC 3264 section 8).
        setup: the DTLS role to take where the offer leaves the choice. ``auto`` is ``active``: towards browsers our
            ClientHello, which leaves with the first check, starts media one round trip earlier.
        direction: what the application can do; the answer never goes beyond it.
        codecs: names in our order of preference.
        feedback: RTCP feedback that we honour, for instance ``nack``; answered as far as it is offered, and
            ``transport-cc`` only together with the header extension that it needs.
        wants_red: ask for redundancy (RFC 2198) where it is offered for Opus: ``red`` is answered first, so that
            browsers of the Chromium family send each frame twice.
        has_data: take data channels where they are offered in the bundle of the audio.
        sctp_init: our INIT, answered where the offer has one too (SNAP); None for never.
    """

    ice: IceCredentials
    fingerprint: Fingerprint
    candidates: tuple[Address, ...]
    session_id: int
    ssrc: int
    cname: str
    tls_id: str
    version: int = 0
    setup: LocalSetup = "auto"
    direction: Direction = Direction.SENDRECV
    codecs: tuple[str, ...] = ("opus", "pcmu", "pcma")
    feedback: frozenset[str] = frozenset()
    wants_red: bool = True
    has_data: bool = False
    sctp_init: Init | None = None

    @classmethod
    def create(
        cls,
        ice: IceCredentials,
        fingerprint: Fingerprint,
        candidates: tuple[Address, ...],
        random: Callable[[int], bytes],
        *,
        setup: LocalSetup = "auto",
        direction: Direction = Direction.SENDRECV,
        codecs: tuple[str, ...] = ("opus", "pcmu", "pcma"),
        has_data: bool = False,
        feedback: frozenset[str] = frozenset(),
        has_snap: bool = False,
    ) -> LocalDescription:
        """Return a description with fresh random session id, SSRC, CNAME and tls-id.

        Args:
            random: returns that many random octets.

        Raises:
            UsageError: as the constructor.
        """
        return cls(
            ice,
            fingerprint,
            candidates,
            session_id=int.from_bytes(random(_SESSION_ID_OCTETS), "big") >> 1,
            ssrc=int.from_bytes(random(4), "big"),
            cname=b64encode(random(_CNAME_OCTETS)).decode(),
            tls_id=random(_TLS_ID_OCTETS).hex(),
            setup=setup,
            direction=direction,
            codecs=codecs,
            has_data=has_data,
            feedback=feedback,
            sctp_init=new_init(random) if has_snap else None,
        )

    def __post_init__(self) -> None:
        if not is_ice_chars(self.ice.ufrag, 4, 32) or not is_ice_chars(self.ice.pwd, 22, 256):
            raise UsageError("our ufrag takes 4 to 32 ice-chars, our password 22 to 256")
        if not self.candidates:
            raise UsageError("an answer needs at least one candidate")
        for address in self.candidates:
            if not 0 < address.port <= 65_535 or ip_address(address.host).is_unspecified:
                raise UsageError(f"{address} is not an address that a client can reach")
        if self.setup not in get_args(LocalSetup):
            raise UsageError(f"setup is auto, active or passive, not {self.setup!r}")
        if not self.codecs or not CODECS.keys() >= set(self.codecs):
            raise UsageError(f"codecs are some of {', '.join(CODECS)}, not {self.codecs!r}")
        if not 0 <= self.session_id < 2**63 or not 0 <= self.version < 2**63 or not 0 <= self.ssrc < 2**32:
            raise UsageError("session id and version take 63 bits, an SSRC 32")
        if not is_tls_id(self.tls_id) or not is_cname(self.cname):
            raise UsageError("tls_id takes 20 to 255, cname 1 to 255 letters, digits and a few signs")
