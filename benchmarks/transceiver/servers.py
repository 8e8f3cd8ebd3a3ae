"""Echo servers, each in a process of its own that tells what it has spent.

``aiortc`` does with a packet what rtcsplit does: its receiver takes it (statistics, reports, jitter buffer) without
the decoder behind it, which needs one private hook, and its sender sends the payload (sequence, timestamps, reports)
through a track that yields encoded packets, which is its public way. ``aiortc-forward`` leaves the sender out and
gives the payload straight to the transport. ``aiortc-tracks`` is aiortc as its examples use it: the received track is
added to the connection, so audio is decoded and encoded. ``rtcsplit-voice`` does that in an application that listens
and talks, ``rtcsplit-voice-echo`` in one that says what it hears.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import resource
import time
from collections.abc import Awaitable, Callable
from fractions import Fraction
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtcsplit.gateway.voice_session import VoiceSession
    from rtcsplit.transceiver.application import Application

Accept = Callable[[bytes], Awaitable[str]]


class Server:
    """A server process.

    Args:
        contender: a key of :data:`CONTENDERS`.
    """

    def __init__(self, contender: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(contender, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def accept(self, offer: bytes) -> str:
        """Return the answer to an offer."""
        return str(self._ask(offer))

    def cpu_seconds(self) -> float:
        """Return what the process has spent so far, user and system time of all threads."""
        return float(self._ask("cpu"))

    def memory_kib(self) -> int:
        """Return the peak of resident memory."""
        return int(self._ask("memory"))

    def stop(self) -> None:
        """End the process."""
        self._connection.send("stop")
        self._process.join(10)
        self._process.kill()

    def _ask(self, question: bytes | str) -> Any:
        self._connection.send(question)
        answer = self._connection.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


def _run(contender: str, connection: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(CONTENDERS[contender](connection))


async def serve(connection: Connection, accept: Accept) -> None:
    """Answer the questions of :class:`Server` until it says stop."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection.fileno(), readable.set)
    while True:
        await readable.wait()
        readable.clear()
        while connection.poll():
            question = connection.recv()
            if question == "stop":
                os._exit(0)  # no farewells: the callers hang up without a word as well
            connection.send(await _answer(question, accept))


async def _answer(question: bytes | str, accept: Accept) -> object:
    if question == "cpu":
        return time.process_time()
    if question == "memory":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert isinstance(question, bytes)
    try:
        return await accept(question)
    except Exception as error:
        return RuntimeError(f"{type(error).__name__}: {error}")


async def _serve_rtcsplit(connection: Connection) -> None:
    from rtcsplit.gateway.echo import Echo

    await _serve_application(connection, Echo())


async def _serve_rtcsplit_voice(connection: Connection) -> None:
    from benchmarks.codec.speech import RATE, speech

    audio = speech()

    async def listen(session: VoiceSession) -> None:
        async for frame in session.audio_in:
            assert frame.pcm

    async def converse(session: VoiceSession) -> None:
        listening = asyncio.ensure_future(listen(session))
        speaking = session.audio_out.begin_segment()
        for second in itertools.cycle(range(len(audio) // (2 * RATE))):
            if not await speaking.write(audio[2 * RATE * second : 2 * RATE * (second + 1)]):
                break
        await listening

    await _serve_voice(connection, converse)


async def _serve_rtcsplit_voice_echo(connection: Connection) -> None:

    async def echo(session: VoiceSession) -> None:
        async for frame in session.audio_in:
            await session.audio_out.write(frame.pcm)

    await _serve_voice(connection, echo)


async def _serve_voice(connection: Connection, handler: Callable[[VoiceSession], Awaitable[None]]) -> None:
    from benchmarks.codec.speech import RATE
    from rtcsplit.gateway.voice import VoiceApplication
    from rtcsplit.gateway.voice_settings import VoiceSettings

    settings = VoiceSettings(input_rate=RATE, output_rate=RATE, has_transcript=False)
    await _serve_application(connection, VoiceApplication(handler, settings))


async def _serve_application(connection: Connection, application: Application) -> None:
    from rtcsplit.transceiver.settings import TransceiverSettings
    from rtcsplit.transceiver.transceiver import Transceiver
    from rtcsplit.wire.address import Address

    settings = TransceiverSettings(listen=Address.of("127.0.0.1", 0))
    async with Transceiver(settings, application=application) as transceiver:

        async def accept(offer: bytes) -> str:
            return (await transceiver.accept(offer)).answer

        await serve(connection, accept)


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
    "rtcsplit": _serve_rtcsplit,
    "rtcsplit-voice": _serve_rtcsplit_voice,
    "rtcsplit-voice-echo": _serve_rtcsplit_voice_echo,
    "aiortc": _serve_aiortc,
    "aiortc-forward": _serve_aiortc_forward,
    "aiortc-tracks": _serve_aiortc_tracks,
}
