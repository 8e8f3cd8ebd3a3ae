"""The demo's client: an aiortc peer in a process of its own, which shares nothing with rtcsplit but the wire.

It offers audio by WHIP (RFC 9725), speaks a file, records what comes back, compares the two and hangs up. It writes
what happens as JSON, one event a line, to standard output: ``phase``, ``progress`` once a second, and at last
``finished`` or ``failed``. All times are seconds of one monotonic clock, counted from the moment the offer is sent.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from . import measure
from .loopback import gather_loopback_only
from .speech import SPEECH_FILE, Recording, SpeechTrack, read_wave, write_wave
from .tap import Tap

__all__ = ["Caller", "main"]

_TRAILING_SILENCE = 0.4  # seconds; pushes the last words through the client's own jitter buffer
_LAST_PACKETS = 0.3  # seconds that the last packets get to come back; p99 has to be 0.2
_CONNECT_TIMEOUT = 10.0


class CallFailedError(Exception):
    """The call did not come about; the message says at which step."""


class Caller:
    """One call.

    Args:
        endpoint: URL of the WHIP endpoint.
        speech: mono 16-bit WAVE file to speak.
    """

    def __init__(self, endpoint: str, speech: Path) -> None:
        self._endpoint = endpoint
        samples, self._rate = read_wave(speech)
        silence = np.zeros(round(_TRAILING_SILENCE * self._rate), dtype=np.int16)
        self._speech = samples
        self._track = SpeechTrack(np.concatenate([samples, silence]), self._rate)
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._recording = Recording()
        self._round_trips = measure.RoundTrips()
        self._phases: dict[str, float] = {}
        self._started_at = 0.0
        self._connected = asyncio.Event()
        self._sent_all = asyncio.Event()
        self._returned_all = asyncio.Event()

    async def run(self) -> dict[str, Any]:
        """Make the call; return the outcome.

        Raises:
            CallFailedError: signaling or the connection failed.
        """
        self._connection.addTrack(self._track)
        self._track.on("ended", self._sent_all.set)
        await self._connection.setLocalDescription(await self._connection.createOffer())
        tap = self._install_tap()
        async with httpx.AsyncClient(timeout=10.0) as http:
            session_url = await self._signal(http)
            recorder = asyncio.ensure_future(self._recording.record(self._connection.getReceivers()[0].track))
            ticker = asyncio.ensure_future(self._tick())
            try:
                await self._wait(self._connected, _CONNECT_TIMEOUT, "ICE and DTLS did not connect")
                await self._wait(self._sent_all, 60.0, "the speech did not end")
                await self._wait_for_last_packets()
                return await self._outcome(tap) | {"hang_up_status": (await http.delete(session_url)).status_code}
            finally:
                ticker.cancel()
                await self._connection.close()
                await asyncio.gather(recorder, ticker, return_exceptions=True)

    @property
    def recording(self) -> Recording:
        """What came back."""
        return self._recording

    def _install_tap(self) -> Tap:
        def returned(payload: bytes, now: float) -> None:
            self._reach("audio", now)
            self._round_trips.packet_returned(payload, now)
            self._check_returned_all()

        def dtls_changed() -> None:
            if tap.dtls.state == "connected":
                self._reach("dtls", time.perf_counter())
                self._connected.set()

        tap = Tap(
            self._connection,
            on_check_answered=lambda now: self._reach("check", now),
            on_sent=self._round_trips.packet_sent,
            on_returned=returned,
        )
        tap.dtls.on("statechange", dtls_changed)
        return tap

    async def _signal(self, http: httpx.AsyncClient) -> str:
        """Post the offer, apply the answer, return the session's URL."""
        self._started_at = time.perf_counter()
        try:
            reply = await http.post(
                self._endpoint,
                content=self._connection.localDescription.sdp,
                headers={"Content-Type": "application/sdp"},
            )
        except httpx.HTTPError as error:
            raise CallFailedError(f"{self._endpoint} did not answer: {error}") from error
        if reply.status_code != 201:
            raise CallFailedError(f"{self._endpoint} answered {reply.status_code}: {reply.text[:200]}")
        self._reach("http", time.perf_counter())
        await self._connection.setRemoteDescription(RTCSessionDescription(reply.text, "answer"))
        return urljoin(self._endpoint, reply.headers["Location"])

    async def _wait(self, event: asyncio.Event, timeout: float, failure: str) -> None:
        try:
            await asyncio.wait_for(event.wait(), timeout)
        except asyncio.TimeoutError:
            raise CallFailedError(f"{failure} within {timeout:g} s") from None

    async def _wait_for_last_packets(self) -> None:
        self._check_returned_all()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._returned_all.wait(), _LAST_PACKETS)

    def _check_returned_all(self) -> None:
        if self._sent_all.is_set() and self._round_trips.returned >= self._round_trips.sent:
            self._returned_all.set()

    def _reach(self, phase: str, now: float) -> None:
        if phase not in self._phases:
            self._phases[phase] = now - self._started_at
            emit("phase", phase=phase, seconds=self._phases[phase])

    async def _tick(self) -> None:
        await self._connected.wait()
        for second in range(1, 1000):
            await asyncio.sleep(self._started_at + second - time.perf_counter())
            spoken = self._track.spoken[-self._rate :].astype(np.float64)
            emit(
                "progress",
                seconds=second,
                **self._counts(),
                level_sent_dbov=measure.level_dbov(spoken),
                level_returned_dbov=measure.level_dbov(self._recording.latest(1.0)),
            )

    def _counts(self) -> dict[str, Any]:
        seconds = self._round_trips.seconds
        return {
            "packets_sent": self._round_trips.sent,
            "packets_returned": self._round_trips.returned,
            "packets_foreign": self._round_trips.foreign,
            "round_trips": len(seconds),
            "round_trip_p50": measure.percentile(seconds, 50),
            "round_trip_p99": measure.percentile(seconds, 99),
        }

    async def _outcome(self, tap: Tap) -> dict[str, Any]:
        rate = self._rate
        similarity = measure.compare(self._speech.astype(np.float64), self._recording.samples(rate), rate)
        reports = (await self._connection.getStats()).values()
        inbound = next((report for report in reports if report.type == "inbound-rtp"), None)
        remote = next((report for report in reports if report.type == "remote-inbound-rtp"), None)
        return {
            "phases": self._phases,
            **self._counts(),
            "lost_down": inbound.packetsLost if inbound else None,
            "lost_up": remote.packetsLost if remote else None,
            "similarity": similarity.envelopes,
            "waveform_correlation": similarity.waveform,
            "gain_db": similarity.gain_db,
            "selected_candidate": tap.selected_candidate,
        }


def emit(event: str, **fields: Any) -> None:
    """Write one event as a line of JSON."""
    print(json.dumps({"event": event, **fields}), flush=True)


async def call(arguments: argparse.Namespace) -> int:
    """Make the call that the command line describes; return the exit status."""
    caller = Caller(arguments.endpoint, arguments.speech)
    try:
        outcome = await caller.run()
    except CallFailedError as error:
        emit("failed", reason=str(error))
        return 1
    if arguments.recording is not None:
        write_wave(arguments.recording, caller.recording.samples(16000), 16000)
    emit("finished", **outcome)
    return 0


def main() -> int:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="python -m rtcsplit.cli.demo.caller", description="call, speak, listen")
    parser.add_argument("endpoint", help="URL of the WHIP endpoint")
    parser.add_argument("--speech", type=Path, default=SPEECH_FILE, help="mono 16-bit WAVE file")
    parser.add_argument("--recording", type=Path, help="write what came back there, as WAVE")
    gather_loopback_only()
    return asyncio.run(call(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
