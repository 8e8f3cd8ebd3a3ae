"""Headless Firefox, the system's own, and a call that its page makes.

It is driven by Marionette, which geckodriver speaks too: a message is its length in decimal, a colon, and
JSON: ``[0, id, command, parameters]`` there, ``[1, id, error, result]`` back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from .browser import BrowserPeer

__all__ = ["Firefox", "FirefoxPage", "FirefoxPeer", "firefox"]

TONE_HERTZ = 1000.0
TONE_LEVEL = 0.1  # of full scale, at its peak
PREFERENCES: Mapping[str, object] = {
    "marionette.port": 0,
    "media.navigator.streams.fake": True,  # a tone for a microphone
    "media.navigator.audio.fake_frequency": int(TONE_HERTZ),
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.loopback": True,
    "permissions.default.microphone": 1,  # pages without it use the default route's addresses alone, never loopback
    # Nothing but loopback: everything else goes to a proxy that is not there.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disabled": True,
    "browser.safebrowsing.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "app.normandy.enabled": False,
}
_START = 30.0  # seconds that a cold start may take
_PORT_FILE = "MarionetteActivePort"

# There is no AudioContext: without a sound device it never runs. What comes back is known by its level.
MAKE_OFFER = """
async ({isRsa}) => {
    const rsa = {
        name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]),
    };
    const certificates = isRsa ? [await RTCPeerConnection.generateCertificate(rsa)] : undefined;
    const processing = {echoCancellation: false, noiseSuppression: false, autoGainControl: false};
    const stream = await navigator.mediaDevices.getUserMedia({audio: processing});
    const connection = new RTCPeerConnection(certificates && {certificates});
    window.call = {connection, states: [], stream};
    connection.addEventListener("connectionstatechange", () => call.states.push(connection.connectionState));
    connection.addTrack(stream.getAudioTracks()[0], stream);
    await connection.setLocalDescription();
    return connection.localDescription.sdp;
}
"""
CLOSE = "() => { call.connection.close(); call.stream.getTracks()[0].stop(); }"


class Firefox:
    """A running browser that has one page. Make it with :func:`firefox`.

    Args:
        blank: the URL of an empty page, which has to be a secure context: about:blank has no microphone.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, blank: str) -> None:
        self._reader, self._writer = reader, writer
        self._blank = blank
        self._commands = 0
        self._lock = asyncio.Lock()

    async def greeting(self) -> dict[str, Any]:
        """What it says first."""
        return dict(await self._read())

    async def command(self, name: str, **parameters: object) -> Any:
        """Have a command done; return its result."""
        async with self._lock:
            self._commands += 1
            message = json.dumps([0, self._commands, name, parameters])
            self._writer.write(f"{len(message.encode())}:{message}".encode())
            _, number, error, result = await self._read()
        assert number == self._commands
        assert error is None, error
        return result

    async def new_page(self) -> FirefoxPage:
        """The page, emptied."""
        await self.command("WebDriver:Navigate", url=self._blank)
        return FirefoxPage(self)

    async def _read(self) -> Any:
        length = int((await self._reader.readuntil(b":"))[:-1])
        return json.loads(await self._reader.readexactly(length))


class FirefoxPage:
    """What :class:`.BrowserPeer` asks of a page."""

    def __init__(self, browser: Firefox) -> None:
        self._browser = browser

    async def evaluate(self, function: str, argument: object = None) -> Any:
        """Call a function of JavaScript, and wait for what it promises."""
        script = f"return ({function})(arguments[0]);"
        result = await self._browser.command("WebDriver:ExecuteScript", script=script, args=[argument], sandbox=None)
        return result["value"]

    async def goto(self, url: str) -> None:
        """Go to a page."""
        await self._browser.command("WebDriver:Navigate", url=url)

    async def wait_for_function(self, function: str, arg: object = None, timeout: float = 30_000) -> None:
        """Return when a function of JavaScript says so; ``timeout`` in milliseconds."""

        async def wait() -> None:
            while not await self.evaluate(function, arg):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

        await asyncio.wait_for(wait(), timeout / 1000)

    async def close(self) -> None:
        """Leave the page."""
        await self.goto("about:blank")


class FirefoxPeer(BrowserPeer):
    """One call of the page. Make it with :meth:`calling`."""

    make_offer = MAKE_OFFER
    end_call = CLOSE


@contextlib.asynccontextmanager
async def firefox(**preferences: object) -> AsyncIterator[Firefox]:
    """A running browser; skips the test where there is none."""
    path = shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        pytest.skip("needs Firefox: apt-get install firefox-esr")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = [f'user_pref("{name}", {json.dumps(value)});' for name, value in {**PREFERENCES, **preferences}.items()]
        (Path(profile) / "user.js").write_text("\n".join(lines))
        blank = Path(profile) / "blank.html"
        blank.write_text("<!doctype html>")
        process = await asyncio.create_subprocess_exec(
            path,
            "--headless",
            "--no-remote",
            "--marionette",
            "--profile",
            profile,
            env={**os.environ, "HOME": profile, "MOZ_DISABLE_AUTO_SAFE_MODE": "1"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            reader, writer = await asyncio.wait_for(_connect(Path(profile)), _START)
            browser = Firefox(reader, writer, blank.as_uri())
            assert (await browser.greeting())["marionetteProtocol"] == 3
            await browser.command("WebDriver:NewSession", capabilities={})
            try:
                yield browser
            finally:
                writer.close()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _connect(profile: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the port that the browser writes down once it listens."""
    file = profile / _PORT_FILE
    while not file.exists() or not (port := file.read_text().strip()):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return await asyncio.open_connection("127.0.0.1", int(port))
