"""Where the demo's client sees its own datagrams: three places inside an aiortc peer connection.

aiortc's public events tell its states, but neither when a packet leaves or arrives nor when the first check is
answered. So this one module wraps methods of the client's own objects, instance by instance; nothing of rtcsplit is
touched. The names are private to aiortc, hence one error that says so if a later version lost one.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiortc import RTCPeerConnection
from aiortc.rtp import RtpPacket, is_rtcp

from ...errors import MissingLibraryError

__all__ = ["Tap"]

_STUN_FIRST_OCTETS = range(4)  # RFC 7983 section 7


class Tap:
    """Calls back with the time, in seconds of ``time.perf_counter``, for what one audio call sends and receives.

    Args:
        connection: has its one audio sender, and gathered its candidates.
        on_check_answered: called once, with the time of the first STUN response.
        on_sent: called with payload and time of each RTP packet, before it is encrypted.
        on_returned: called with payload and time of each RTP packet, after it was decrypted.
    """

    def __init__(
        self,
        connection: RTCPeerConnection,
        *,
        on_check_answered: Callable[[float], None],
        on_sent: Callable[[bytes, float], None],
        on_returned: Callable[[bytes, float], None],
    ) -> None:
        try:
            transceiver = connection.getTransceivers()[0]
            self._dtls: Any = transceiver.sender.transport
            self._ice: Any = self._dtls.transport._connection
            self._tap_responses(on_check_answered)
            self._tap_sent(on_sent)
            self._tap_returned(transceiver.receiver, on_returned)
        except AttributeError as error:
            raise MissingLibraryError(f"an aiortc that has {error.name}", "pip install 'aiortc>=1.13,<2'") from error

    @property
    def dtls(self) -> Any:
        """The RTCDtlsTransport of the call."""
        return self._dtls

    @property
    def selected_candidate(self) -> str | None:
        """``host:port`` of the remote candidate that carries the call, None before nomination."""
        pair = self._ice._nominated.get(1)
        return None if pair is None else "{}:{}".format(*pair.remote_addr)

    def _tap_responses(self, on_check_answered: Callable[[float], None]) -> None:
        is_answered = False

        def wrap(receive: Callable[[bytes, Any], None]) -> Callable[[bytes, Any], None]:
            def datagram_received(data: bytes, address: Any) -> None:
                nonlocal is_answered
                if not is_answered and data[0] in _STUN_FIRST_OCTETS:
                    is_answered = True
                    on_check_answered(time.perf_counter())
                receive(data, address)

            return datagram_received

        for protocol in self._ice._protocols:
            protocol.datagram_received = wrap(protocol.datagram_received)

    def _tap_sent(self, on_sent: Callable[[bytes, float], None]) -> None:
        send: Callable[[bytes], Awaitable[None]] = self._dtls._send_rtp

        async def send_rtp(data: bytes) -> None:
            if not is_rtcp(data):
                on_sent(RtpPacket.parse(data).payload, time.perf_counter())
            await send(data)

        self._dtls._send_rtp = send_rtp

    def _tap_returned(self, receiver: Any, on_returned: Callable[[bytes, float], None]) -> None:
        handle = receiver._handle_rtp_packet

        async def handle_rtp_packet(packet: RtpPacket, arrival_time_ms: int) -> None:
            on_returned(packet.payload, time.perf_counter())
            await handle(packet, arrival_time_ms=arrival_time_ms)

        receiver._handle_rtp_packet = handle_rtp_packet
