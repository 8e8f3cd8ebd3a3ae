"""Voice applications: a coroutine, or an object of a class of yours, for each call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from ..media.encoding import run_now
from ..media.opus import require_opus
from ..media.playout_events import PlayoutEvent
from ..media.resample import require_soxr
from ..session.events import EndCause
from ..transceiver.call import Call
from ..wire.rtp import RtpPacket
from .audio_in import AudioFrame
from .codec_thread import CodecThread
from .voice_counters import VoiceCounters, VoiceTotals
from .voice_session import VoiceSession
from .voice_settings import VoiceSettings

__all__ = ["VoiceApplication", "VoiceHandler"]

_LOGGER = logging.getLogger(__name__)

Handler = Callable[[VoiceSession], Awaitable[None]]


class VoiceApplication:
    """Runs a handler for each call; give it to a ``Transceiver`` as its application.

    The handler's return ends its call, and so does an exception, which is logged. When the call ends by itself the
    iterators of its session come to their end and writing raises ``CallEndedError``; a handler that still runs some
    seconds later is cancelled.

    Args:
        handler: called with the session of each call that is connected; ``VoiceHandler.serve`` of your class, or any
            coroutine function.
        settings: for all calls.
        has_codec_thread: encode in a thread beside the event loop, which then has its core for packets.

    Attributes:
        counters: of its calls, living and over.

    Raises:
        MissingLibraryError: libopus or soxr is not installed; says what to install.
    """

    def __init__(
        self, handler: Handler, settings: VoiceSettings | None = None, *, has_codec_thread: bool = True
    ) -> None:
        self._handler = handler
        self._settings = settings or VoiceSettings()
        if self._settings.has_codec:
            require_opus()
            require_soxr()  # whatever the rates: PCMU and PCMA are a peer's to choose
        self._codecs = CodecThread() if has_codec_thread else None
        self.counters = VoiceCounters()
        self._sessions: dict[Call, VoiceSession] = {}
        self._tasks: dict[VoiceSession, asyncio.Task[None]] = {}

    def sessions(self) -> list[VoiceSession]:
        """The sessions of calls that live."""
        return list(self._sessions.values())

    def totals(self) -> VoiceTotals:
        """Sums over all calls, living and over."""
        return self.counters.totals(session.totals for session in self._sessions.values())

    async def aclose(self) -> None:
        """Cancel the handlers that still run, and wait for them. Stop the transceiver before."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._codecs is not None:
            self._codecs.close()

    # the transceiver's callbacks

    def call_connected(self, call: Call) -> None:
        """Make a session of the call, and let the handler begin."""
        if call.audio is None:
            return
        submit = run_now if self._codecs is None else self._codecs.submit
        session = VoiceSession(call, self._settings, submit=submit, counters=self.counters)
        call.companion = session
        self._sessions[call] = session
        task = asyncio.get_running_loop().create_task(self._run(session), name=f"voice {call.ufrag[:6]}")
        self._tasks[session] = task
        task.add_done_callback(lambda _: self._tasks.pop(session, None))

    def packet_received(self, call: Call, packet: RtpPacket) -> None:
        """Hand a packet to its session."""
        session = self._sessions.get(call)
        if session is not None:
            session.packet_received(packet)

    def call_ended(self, call: Call, cause: EndCause) -> None:
        """End the session, and give its handler a while to come to its end."""
        session = self._sessions.pop(call, None)
        if session is None:
            return
        session.ended(cause)
        task = self._tasks.get(session)
        if task is not None:
            timer = asyncio.get_running_loop().call_later(self._settings.grace, task.cancel)
            task.add_done_callback(lambda _: timer.cancel())

    async def _run(self, session: VoiceSession) -> None:
        try:
            await self._handler(session)
        except asyncio.CancelledError:
            pass  # by aclose or after the grace; nobody awaits this task
        except Exception:
            _LOGGER.exception("handler_failed", extra={"session": session.ufrag[:6]})
        finally:
            session.close()


class VoiceHandler:
    """The common case: one object per call, with a method for each thing that happens. Override what you need.

    ``VoiceApplication(YourHandler.serve)`` makes one object for each call. A method that raises ends the call.

    Args:
        session: of the call.
    """

    def __init__(self, session: VoiceSession) -> None:
        self.session = session

    async def connected(self) -> None:
        """The call stands: say hello, for instance. The other methods are called meanwhile."""

    async def audio_received(self, frame: AudioFrame) -> None:
        """The next stretch of the peer's live audio."""

    async def event_received(self, event: PlayoutEvent) -> None:
        """Speech of ours began to leave, was heard to its end or cut off, or did not come in time."""

    async def ended(self, cause: EndCause) -> None:
        """The call is over; the last method called."""

    @classmethod
    async def serve(cls, session: VoiceSession) -> None:
        """Run one call with an object of this class."""
        handler = cls(session)
        await _together(handler._hear(), handler._follow(), handler.connected())
        await handler.ended(await session.wait_closed())

    async def _hear(self) -> None:
        async for frame in self.session.audio_in:
            await self.audio_received(frame)

    async def _follow(self) -> None:
        async for event in self.session:
            await self.event_received(event)


async def _together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run them at once; the first exception, or being cancelled, cancels the others and is raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
