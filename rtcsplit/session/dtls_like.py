"""What a session needs of DTLS: a :class:`~rtcsplit.session.dtls.DtlsEndpoint`, or whoever drives one for it.

A transceiver has handshakes run in a thread of their own; its sessions hold what hands datagrams over and takes results
back, and know no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..drops import DropReason
from .certificate import Fingerprint
from .dtls_state import DtlsState
from .events import DtlsEvent
from .negotiation import DtlsRole

__all__ = ["DtlsLike", "OpenDtls"]


class DtlsLike(Protocol):
    """One DTLS association; :class:`~rtcsplit.session.dtls.DtlsEndpoint` says what each method does."""

    @property
    def state(self) -> DtlsState:
        """Where the association stands."""

    def start(self, now: float) -> None:
        """Begin."""

    def receive(self, datagram: bytes, now: float) -> DropReason | None:
        """Take a datagram. One that turns out to be of no use later is a ``HeldPacketDropped``."""

    def datagrams_to_send(self, now: float) -> list[bytes]:
        """Return what is to be sent."""

    def repeat_flight(self, now: float) -> None:
        """Send the flight that waits for an answer once more."""

    def next_event(self) -> DtlsEvent | None:
        """Return the next event."""

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called."""

    def handle_timer(self, now: float) -> None:
        """Do what is due."""

    def send(self, data: bytes) -> None:
        """Send application data."""

    def close(self, now: float) -> None:
        """End the association."""


OpenDtls = Callable[[DtlsRole, Sequence[Fingerprint]], DtlsLike]
"""Makes an association for a role and the fingerprints that the peer's certificate may have."""
