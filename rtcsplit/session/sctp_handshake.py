"""The four-way handshake: our INIT and its repetition, our answers to the peer's (RFC 9260 section 5.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .sctp_chunks import Init, InitParameter
from .sctp_congestion import RTO_INITIAL, RTO_MAX
from .sctp_cookie import Cookie, CookieJar, PeerInit
from .sctp_inbound import MAX_STREAMS, WINDOW
from .sctp_packet import MAX_PACKET, ChunkType, Parameter, build_chunk, build_parameter

__all__ = ["Handshake", "new_init"]

_MAX_INIT_RETRANSMISSIONS = 8  # RFC 9260 section 16
_MAX_COOKIE = MAX_PACKET - 64
_MAX_REPORTED = 256  # octets of parameters that we do not know
_EXTENSIONS = bytes([ChunkType.FORWARD_TSN, ChunkType.RE_CONFIG])
_REPORT_UNKNOWN = 0x4000  # RFC 9260 section 3.2.1: the two highest bits say what to do
_SKIP_UNKNOWN = 0x8000
# Parameters that mean something elsewhere: addresses (one path is all there is), ECN, and what other chunks carry.
_KNOWN = frozenset({*InitParameter, 5, 6, 9, 12})


def new_init(random: Callable[[int], bytes]) -> Init:
    """Return an INIT of ours, with a tag and a first TSN of its own."""
    tag, tsn = (int.from_bytes(random(4), "big") for _ in range(2))
    capabilities = (
        Parameter(InitParameter.FORWARD_TSN_SUPPORTED, b""),
        Parameter(InitParameter.SUPPORTED_EXTENSIONS, _EXTENSIONS),
    )
    return Init(tag or 1, WINDOW, MAX_STREAMS, MAX_STREAMS, tsn, capabilities)


class Handshake:
    """Our side of making one association.

    Args:
        random: returns as many random octets as it is asked for.
        init: ours where it exists already; a new one if None.

    Attributes:
        local_tag: the verification tag that the peer has to use.
        local_tsn: our first TSN.
        timer_at: when :meth:`repeat` is due (T1), None while nothing waits for an answer.
    """

    def __init__(self, random: Callable[[int], bytes], init: Init | None = None) -> None:
        self._init = init or new_init(random)
        self.local_tag = self._init.tag
        self.local_tsn = self._init.initial_tsn
        self.timer_at: float | None = None
        self._jar = CookieJar(random(32))
        self._waiting: bytes = b""
        self._timeout = RTO_INITIAL
        self._retransmissions = 0

    @property
    def has_failed(self) -> bool:
        """Whether the peer never answers."""
        return self._retransmissions > _MAX_INIT_RETRANSMISSIONS

    def init(self, now: float) -> bytes:
        """Return our INIT, which is repeated from now on."""
        return self._expect_answer(self._init.build(ChunkType.INIT), now)

    def answer(self, init: Init, now: float) -> bytes:
        """Return the INIT ACK to ``init``. Nothing is remembered: the cookie holds it all."""
        cookie = Parameter(InitParameter.STATE_COOKIE, self._jar.seal(PeerInit.of(init), now))
        parameters = (*self._init.parameters, cookie, *_unknown(init.parameters))
        return replace(self._init, parameters=parameters).build(ChunkType.INIT_ACK)

    def echo(self, init_ack: Init, now: float) -> bytes | None:
        """Return the COOKIE ECHO to ``init_ack``, repeated from now on; None where there is no cookie to echo."""
        cookie = init_ack.parameter(InitParameter.STATE_COOKIE)
        if not cookie or len(cookie) > _MAX_COOKIE:
            return None
        self._retransmissions = 0
        return self._expect_answer(build_chunk(ChunkType.COOKIE_ECHO, 0, cookie), now)

    def open_cookie(self, octets: bytes, now: float) -> Cookie | None:
        """Return the cookie of a COOKIE ECHO, None for one that is not ours."""
        return self._jar.open(octets, now)

    def repeat(self, now: float) -> bytes | None:
        """Return the chunk that waits for its answer, once its time is over."""
        if self.timer_at is None or now < self.timer_at:
            return None
        self._retransmissions += 1
        self._timeout = min(2 * self._timeout, RTO_MAX)
        self.timer_at = now + self._timeout
        return self._waiting

    def settle(self) -> None:
        """The answer is there."""
        self.timer_at = None
        self._waiting = b""

    def _expect_answer(self, chunk: bytes, now: float) -> bytes:
        self._waiting = chunk
        self._timeout = RTO_INITIAL
        self.timer_at = now + self._timeout
        return chunk


def _unknown(parameters: tuple[Parameter, ...]) -> list[Parameter]:
    """Return reports of the parameters that want to be reported (RFC 9260 section 3.2.1)."""
    reports: list[Parameter] = []
    size = 0
    for parameter in parameters:
        if parameter.type in _KNOWN:
            continue
        octets = build_parameter(parameter.type, parameter.value)
        size += len(octets)
        if parameter.type & _REPORT_UNKNOWN and size <= _MAX_REPORTED:
            reports.append(Parameter(InitParameter.UNRECOGNIZED, octets))
        if not parameter.type & _SKIP_UNKNOWN:
            break
    return reports
