"""A process with a voice application that talks without end, and tells what it has spent."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import resource
import time
import wave
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from rtcsplit.gateway.voice import VoiceApplication
from rtcsplit.gateway.voice_session import VoiceSession
from rtcsplit.gateway.voice_settings import VoiceSettings
from rtcsplit.transceiver import packet_loop
from rtcsplit.transceiver.garbage import collect_rarely
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address

_SPEECH = Path(__file__).parents[2] / "rtcsplit" / "cli" / "demo" / "audio" / "speech.wav"
_FLUSHES_SPREAD = 1.0  # seconds over which the calls are cut off, at random


class Options(NamedTuple):
    """What is measured.

    Attributes:
        complexity: of the Opus encoder.
        has_codec_thread: encode beside the event loop.
        has_precedence: take the cores before everything else, where the machine is shared.
    """

    complexity: int
    has_codec_thread: bool
    has_precedence: bool


class TalkingServer:
    """The process, from outside."""

    def __init__(self, options: Options) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(options, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, question: Any) -> Any:
        """Offers (``bytes``) are answered with SDP; ``talk``, ``cpu``, ``underruns``, ``flush``: see ``_answer``."""
        self._connection.send(question)
        return self.answer()

    def answer(self) -> Any:
        """Return the next answer."""
        answer = self._connection.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def begin(self, question: Any) -> None:
        """Ask, and fetch the answer later."""
        self._connection.send(question)

    def stop(self) -> None:
        """End the process."""
        self._connection.send("stop")
        self._process.join(10)
        self._process.kill()


def _run(options: Options, connection: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    if options.has_precedence:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    packet_loop.run(_Talk(options).serve(connection))


class _Talk:
    def __init__(self, options: Options) -> None:
        with wave.open(str(_SPEECH)) as file:
            self._speech = file.readframes(file.getnframes())
            rate = file.getframerate()
        self._go = asyncio.Event()
        settings = VoiceSettings(output_rate=rate, complexity=options.complexity, has_transcript=False)
        self._application = VoiceApplication(self._talk, settings, has_codec_thread=options.has_codec_thread)

    async def serve(self, connection: Connection) -> None:
        """Answer questions until one is ``stop``."""
        settings = TransceiverSettings(listen=Address.of("127.0.0.1", 0))
        readable = asyncio.Event()
        asyncio.get_running_loop().add_reader(connection.fileno(), readable.set)
        async with Transceiver(settings, application=self._application) as transceiver:
            while True:
                await readable.wait()
                readable.clear()
                while connection.poll():
                    question = connection.recv()
                    if question == "stop":
                        os._exit(0)
                    connection.send(await self._answer(question, transceiver))

    async def _answer(self, question: Any, transceiver: Transceiver) -> Any:
        if question == "talk":
            for _ in range(1000):  # the clients' ends of the last handshakes may come before ours
                if len(self._application.sessions()) == len(transceiver.calls()):
                    break
                await asyncio.sleep(0.01)
            collect_rarely()
            self._go.set()
            return len(self._application.sessions())
        if question == "cpu":
            return time.process_time()
        if question == "underruns":
            return sum(session.audio_out.underruns for session in self._application.sessions())
        if question == "flush":
            return await asyncio.gather(*(self._flush(session) for session in self._application.sessions()))
        return (await transceiver.accept(question)).answer

    async def _talk(self, session: VoiceSession) -> None:
        await self._go.wait()
        await asyncio.sleep(random.random())  # people do not begin all at once
        speech = session.audio_out.begin_segment()
        at = random.randrange(len(self._speech) // 2) * 2
        while await speech.write(self._speech[at : at + 32_000]):
            at = (at + 32_000) % len(self._speech)
        await session.wait_closed()

    async def _flush(self, session: VoiceSession) -> int:
        """Cut a call off at some moment; return which, in nanoseconds of wall-clock time as the kernel stamps it."""
        await asyncio.sleep(random.random() * _FLUSHES_SPREAD)
        now = time.time_ns()
        session.audio_out.flush()
        return now
