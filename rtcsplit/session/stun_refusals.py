"""Answers to STUN requests that prove nothing: 400 and 401, few and small (RFC 8489 section 9.1.3).

One object per process, shared by all sessions and by the demultiplexer, because its limit is what the process gives
to strangers altogether. An answer has no MESSAGE-INTEGRITY, no SOFTWARE and an empty reason phrase, and is left out
where it would be longer than the request: nobody gains octets by sending us a forged source address.
"""

from __future__ import annotations

from ..drops import DropReason
from ..errors import UsageError
from ..wire import stun
from ..wire.address import Path
from ..wire.stun import BINDING, Attribute, MessageClass
from ..wire.stun_values import encode_error_code
from .ice_check import Check, Refusal, read_check

__all__ = ["StunRefusals"]


class StunRefusals:
    """Builds refusals, at most ``rate`` a second on average; by default never more than 50 in any one second.

    Args:
        rate: answers a second over time.
        burst: answers at once after a quiet time, at least 1.

    Raises:
        UsageError: a rate or a burst that allows nothing; for silence, use a rate of one per hour.
    """

    def __init__(self, rate: float = 25.0, burst: int = 25) -> None:
        if rate <= 0 or burst < 1:
            raise UsageError("the rate and the burst of refusals must be positive")
        self._interval = 1 / rate
        self._credit = burst / rate
        self._spent_until = float("-inf")  # virtual scheduling (GCRA): each answer spends one interval

    def refuse(self, datagram: bytes, code: int, path: Path, now: float) -> tuple[bytes, Path] | None:
        """Return the answer to a request, None where it is not worth one.

        Args:
            datagram: the request, known to parse.
            code: 400 or 401.
            path: where the request came from, and where the answer goes.
            now: monotonic seconds.
        """
        error = (Attribute.ERROR_CODE, encode_error_code(code))
        answer = stun.build(MessageClass.ERROR_RESPONSE, BINDING, datagram[8:20], [error])
        if len(answer) > len(datagram) or not self._spend(now):
            return None
        return answer, path

    def refuse_stranger(self, datagram: bytes, path: Path, now: float) -> tuple[DropReason, tuple[bytes, Path] | None]:
        """Judge a STUN datagram that belongs to no session; returns what to count, and the answer if any."""
        verdict = read_check(datagram, None, None)
        assert not isinstance(verdict, Check)  # nothing authenticates without credentials
        if isinstance(verdict, Refusal):
            return verdict.reason, self.refuse(datagram, verdict.code, path, now)
        return verdict, None

    def _spend(self, now: float) -> bool:
        spent_until = max(self._spent_until, now - self._credit) + self._interval
        if spent_until > now:
            return False
        self._spent_until = spent_until
        return True
