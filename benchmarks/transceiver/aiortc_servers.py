"""aiortc as a contender, in three ways.

``aiortc`` does with a packet what rtcsplit does: its receiver takes it (statistics, reports, jitter buffer) without
the decoder behind it, which needs one private hook, and its sender sends the payload (sequence, timestamps, reports)
through a track that yields encoded packets, which is its public way. ``aiortc-forward`` leaves the sender out and
gives the payload straight to the transport. ``aiortc-tracks`` is aiortc as its examples use it: the received track is
added to the connection, so audio is decoded and encoded.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from fractions import Fraction
from multiprocessing.connection import Connection
from typing import Any

from .serving import Accept, serve

__all__ = ["CONTENDERS"]


async def _serve_aiortc(connection: Connection) -> None:
    from av import Packet

    def echo_through_the_sender(peer: Any) -> None:
        queue: asyncio.Queue[Packet] = asyncio.Queue()

        async def take(packet: Any) -> None:
            encoded = Packet(packet.payload)
            encoded.pts, encoded.time_base = packet.timestamp, Fraction(1, 48000)
            queue.put_nowait(encoded)

        _hook_receiver(peer, _track(queue.get), take)

    await serve(connection, _aiortc_accept(echo_through_the_sender))


async def _serve_aiortc_forward(connection: Connection) -> None:
    from aiortc.rtp import RtpPacket

    def echo_through_the_transport(peer: Any) -> None:
        sender = peer.getSenders()[0]
        numbers = itertools.count()

        async def take(packet: Any) -> None:
            echo = RtpPacket(
                payload_type=packet.payload_type,
                sequence_number=next(numbers) & 0xFFFF,
                timestamp=packet.timestamp,
                ssrc=sender._ssrc,
                payload=packet.payload,
            )
            await sender.transport._send_rtp(echo.serialize())

        _hook_receiver(peer, _track(asyncio.Future), take)

    await serve(connection, _aiortc_accept(echo_through_the_transport))


async def _serve_aiortc_tracks(connection: Connection) -> None:
    def add_received_track(peer: Any) -> None:
        [transceiver] = peer.getTransceivers()
        peer.addTrack(transceiver.receiver.track)

    await serve(connection, _aiortc_accept(add_received_track))


def _track(receive: Callable[[], Awaitable[Any]]) -> Any:
    from aiortc import MediaStreamTrack

    class Track(MediaStreamTrack):
        kind = "audio"

        async def recv(self) -> Any:
            return await receive()

    return Track()


def _hook_receiver(peer: Any, track: Any, take: Callable[[Any], Awaitable[None]]) -> None:
    """Send ``track``, and give received packets to ``take`` after the receiver, which decodes none."""
    [transceiver] = peer.getTransceivers()
    transceiver.direction = "sendrecv"
    transceiver.sender.replaceTrack(track)
    receiver = transceiver.receiver
    handle = receiver._handle_rtp_packet

    async def handle_and_take(packet: Any, arrival_time_ms: int) -> None:
        receiver._RTCRtpReceiver__decoder_thread = None
        await handle(packet, arrival_time_ms)
        await take(packet)

    receiver._handle_rtp_packet = handle_and_take


def _aiortc_accept(prepare: Callable[[Any], None]) -> Accept:
    from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

    peers = []

    async def accept(offer: bytes) -> str:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peers.append(peer)
        await peer.setRemoteDescription(RTCSessionDescription(offer.decode(), "offer"))
        prepare(peer)
        await peer.setLocalDescription(await peer.createAnswer())
        return str(peer.localDescription.sdp)

    return accept


CONTENDERS: dict[str, Callable[[Connection], Awaitable[None]]] = {
    "aiortc": _serve_aiortc,
    "aiortc-forward": _serve_aiortc_forward,
    "aiortc-tracks": _serve_aiortc_tracks,
}
