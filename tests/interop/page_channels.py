"""A call of ours with a browser's page at its other end, and the data channels between them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from rtcsplit.session.events import ChannelOpened
from rtcsplit.transceiver.call import Call
from rtcsplit.transceiver.transceiver import Transceiver

from .browser import HasPages
from .channels import LossyWay, Recorder, recording_transceiver

__all__ = ["OPEN", "SAID", "SEND", "PagePair", "page_pair", "summed"]

# The page keeps every message that a channel brings; text as it is, octets as length and sum.
PAGE = """
() => {
    const connection = new RTCPeerConnection();
    connection.addTransceiver("audio");
    window.channels = {};
    window.keep = (channel) => {
        channel.binaryType = "arraybuffer";
        const kept = {channel, messages: [], octets: 0};
        channels[channel.label] = kept;
        channel.onmessage = ({data}) => {
            kept.octets += typeof data === "string" ? data.length : data.byteLength;
            const sum = (octets) => octets.reduce((total, octet) => (total * 31 + octet) % 65521, 0);
            kept.messages.push(typeof data === "string" ? data : [data.byteLength, sum(new Uint8Array(data))]);
        };
        kept.isOpen = new Promise((resolve) => {
            if (channel.readyState === "open") resolve(); else channel.onopen = resolve;
        });
        kept.isClosed = new Promise((resolve) => { channel.onclose = resolve; });
        return kept;
    };
    connection.ondatachannel = ({channel}) => keep(channel);
    window.connection = connection;
}
"""
OPEN = "([label, options]) => { keep(connection.createDataChannel(label, options)); }"
OFFER = "async () => { await connection.setLocalDescription(); return connection.localDescription.sdp; }"
ANSWER = "(sdp) => connection.setRemoteDescription({type: 'answer', sdp})"
HAS = "([label, count]) => channels[label]?.messages.length >= count"
MESSAGES = "(label) => channels[label].messages"
SEND = """async ([label, values]) => {
    await channels[label].isOpen;
    for (const value of values)
        channels[label].channel.send(typeof value === "string" ? value : new Uint8Array(value));
}"""
# What a page may say: text and octets, long and empty.
SAID: list[Any] = ["text", [1, 2, 3], "", [], "ü" * 30_000, [7] * 65_536, "last"]


def summed(message: bytes | str) -> Any:
    """What the page keeps of a message."""
    if isinstance(message, str):
        return message
    total = 0
    for octet in message:
        total = (total * 31 + octet) % 65_521
    return [len(message), total]


class PagePair:
    """A call of ours, and a page at its other end."""

    def __init__(self, page: Any, recorder: Recorder, transceiver: Transceiver, way: LossyWay) -> None:
        self.page = page
        self.recorder = recorder
        self.transceiver = transceiver
        self.way = way

    @property
    def call(self) -> Call:
        (call,) = self.transceiver.calls()
        return call

    async def connect(self, *channels: tuple[str, dict[str, object]]) -> None:
        for channel in channels:
            await self.page.evaluate(OPEN, list(channel))
        accepted = await self.transceiver.accept((await self.page.evaluate(OFFER)).encode())
        await self.page.evaluate(ANSWER, accepted.answer)
        await self.recorder.until(lambda: len(self.recorder.of_type(ChannelOpened)) == len(channels))

    async def messages(self, label: str, count: int, timeout: float = 60.0) -> list[Any]:
        """What the page has, once it has that many."""
        await self.page.wait_for_function(HAS, arg=[label, count], timeout=timeout * 1000)
        found: list[Any] = await self.page.evaluate(MESSAGES, label)
        return found


@contextlib.asynccontextmanager
async def page_pair(browser: HasPages, setup: str = "active") -> AsyncIterator[PagePair]:
    """Both ends, not connected yet; ``setup`` is our side of the DTLS roles."""
    page = await browser.new_page()
    await page.goto("about:blank")
    await page.evaluate(PAGE)
    async with recording_transceiver(setup) as (recorder, transceiver, way):
        yield PagePair(page, recorder, transceiver, way)
        await page.evaluate("() => connection.close()")
    await page.close()
