"""Headless Chromium, the system's own, and a call that one of its pages makes."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from typing import Any, ClassVar, Protocol
from urllib.parse import urljoin

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.async_api import Browser, Page, async_playwright

from .tones import TONE_HERTZ

__all__ = ["BrowserPeer", "HasPages", "chromium"]

ARGUMENTS = (
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
)

# An oscillator goes out; an analyser keeps the latest 32,768 samples (0.7 s) of what comes back.
MAKE_OFFER = """
async ({hertz, isRsa}) => {
    const rsa = {
        name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]),
    };
    const certificates = isRsa ? [await RTCPeerConnection.generateCertificate(rsa)] : undefined;
    const context = new AudioContext({sampleRate: 48000});
    const output = new MediaStreamAudioDestinationNode(context);
    const oscillator = new OscillatorNode(context, {frequency: hertz});
    oscillator.connect(new GainNode(context, {gain: 0.1})).connect(output);
    oscillator.start();
    const connection = new RTCPeerConnection({certificates});
    window.call = {context, connection, states: [], analyser: new AnalyserNode(context, {fftSize: 32768})};
    connection.addEventListener("connectionstatechange", () => call.states.push(connection.connectionState));
    connection.addTrack(output.stream.getAudioTracks()[0], output.stream);
    connection.addEventListener("track", ({track}) => {
        const stream = new MediaStream([track]);
        const element = new Audio(); // Chromium decodes a remote track only while an element plays it
        element.srcObject = stream;
        element.muted = true;
        element.play();
        new MediaStreamAudioSourceNode(context, {mediaStream: stream}).connect(call.analyser);
    });
    await connection.setLocalDescription();
    return connection.localDescription.sdp;
}
"""
RESTART_ICE = """
async () => {
    call.connection.restartIce();
    await call.connection.setLocalDescription();
    return call.connection.localDescription.sdp;
}
"""
APPLY_ANSWER = "(answer) => call.connection.setRemoteDescription({type: 'answer', sdp: answer})"
IS_CONNECTED = "() => call.connection.connectionState === 'connected'"
UNTIL_RECEIVED = """
async (count) => {
    for (;;) {
        const stats = [...(await call.connection.getStats()).values()];
        const inbound = stats.find(({type}) => type === "inbound-rtp");
        if (inbound?.packetsReceived >= count) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}
"""
READ_STATS = """
async () => {
    for (let attempt = 0; attempt < 100; attempt++) {
        const reports = [...(await call.connection.getStats()).values()];
        if (reports.some((report) => report.type === "transport" && report.selectedCandidatePairId))
            return reports;
        await new Promise((resume) => setTimeout(resume, 50));  // Firefox has no pair at the moment of a restart
    }
    throw new Error("no pair of candidates was selected");
}
"""
READ_SAMPLES = """
() => {
    const samples = new Float32Array(call.analyser.fftSize);
    call.analyser.getFloatTimeDomainData(samples);
    return [Array.from(samples), call.context.sampleRate];
}
"""
READ_LATEST = """
(count) => {
    const samples = new Float32Array(call.analyser.fftSize);
    const now = (performance.timeOrigin + performance.now()) / 1000;
    call.analyser.getFloatTimeDomainData(samples);
    return [now, Array.from(samples.slice(-count)), call.context.sampleRate];
}
"""
_FRAGMENT_LINES = ("m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:")
CLOSE = "async () => { call.connection.close(); await call.context.close(); }"


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A running browser; skips the test where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


class HasPages(Protocol):
    """A browser, as far as a call needs one."""

    async def new_page(self) -> Any:
        """Return an empty page that has ``evaluate``, ``wait_for_function`` and ``close`` of Playwright's."""


class BrowserPeer:
    """One call of a page of its own that sends a tone. Make it with :meth:`calling`.

    Attributes:
        make_offer: JavaScript that begins a call as ``window.call`` and returns its offer.
        end_call: JavaScript that undoes it.
    """

    make_offer: ClassVar[str] = MAKE_OFFER
    end_call: ClassVar[str] = CLOSE

    def __init__(self, page: Page, http: httpx.AsyncClient, session_url: str, answer: str) -> None:
        self._page = page
        self._http = http
        self._session_url = session_url
        self._answer = answer

    @classmethod
    @contextlib.asynccontextmanager
    async def calling(cls, browser: HasPages, whip_url: str, *, is_rsa: bool = False) -> AsyncIterator[BrowserPeer]:
        """A peer that is connected for the block and hangs up by DELETE after it."""
        page = await browser.new_page()
        async with httpx.AsyncClient(trust_env=False) as http:
            offer = await page.evaluate(cls.make_offer, {"hertz": TONE_HERTZ, "isRsa": is_rsa})
            reply = await http.post(whip_url, content=offer, headers={"Content-Type": "application/sdp"})
            assert reply.status_code == 201, reply.text
            await page.evaluate(APPLY_ANSWER, reply.text)
            await page.wait_for_function(IS_CONNECTED, timeout=30_000)
            session_url = urljoin(whip_url, reply.headers["Location"])
            yield cls(page, http, session_url, reply.text)
            assert (await http.delete(session_url)).status_code == 200
        await page.evaluate(cls.end_call)
        await page.close()

    async def restart_ice(self) -> None:
        """Restart ICE as RFC 9725 section 4.3.3 says: a fragment by PATCH, the old answer with our new credentials."""
        offer = await self._page.evaluate(RESTART_ICE)
        lines = [line for line in offer.split("\r\n") if line.startswith(_FRAGMENT_LINES)]
        headers = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
        reply = await self._http.patch(self._session_url, content="\r\n".join([*lines, ""]), headers=headers)
        assert reply.status_code == 200, reply.text
        ours = dict(line.split(":", 1) for line in reply.text.split("\r\n") if line.startswith(("a=ice-u", "a=ice-p")))
        for name, value in ours.items():
            self._answer = re.sub(f"{name}:[^\r]*", f"{name}:{value}", self._answer)
        await self._page.evaluate(APPLY_ANSWER, self._answer)

    async def until_received(self, count: int, timeout: float = 30.0) -> None:
        """Return when that many packets have come back."""
        await asyncio.wait_for(self._page.evaluate(UNTIL_RECEIVED, count), timeout)

    async def heard(self) -> tuple[NDArray[np.float64], int]:
        """The latest samples that came back, and their rate."""
        samples, rate = await self._page.evaluate(READ_SAMPLES)
        return np.asarray(samples), int(rate)

    async def heard_now(self, count: int = 2400) -> tuple[float, NDArray[np.float64], int]:
        """The very latest samples, their rate, and before them the Unix time at which the last one came."""
        now, samples, rate = await self._page.evaluate(READ_LATEST, count)
        return float(now), np.asarray(samples), int(rate)

    async def states(self) -> list[str]:
        """The connection's states so far."""
        states: list[str] = await self._page.evaluate("() => call.states")
        return states

    async def stats(self) -> dict[str, dict[str, Any]]:
        """getStats: the last report of each type; `local` and `remote` candidate; the page's `own` certificate."""
        reports = await self._page.evaluate(READ_STATS)
        by_id = {report["id"]: report for report in reports}
        stats = {report["type"]: report for report in reports}
        pair = by_id[stats["transport"]["selectedCandidatePairId"]]
        selected = {"local": by_id[pair["localCandidateId"]], "remote": by_id[pair["remoteCandidateId"]]}
        return stats | selected | {"own": by_id.get(stats["transport"].get("localCertificateId"), {})}
