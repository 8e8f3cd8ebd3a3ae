"""A transceiver in direct mode whose application keeps what happens on data channels, and a lossy way to it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from rtcsplit.session.events import ChannelDrained, ChannelEvent, ChannelOpened, EndCause
from rtcsplit.transceiver.call import Call
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address
from rtcsplit.wire.rtp import RtpPacket

__all__ = ["LossyWay", "Pump", "Recorder", "recording_transceiver"]


class Recorder:
    """An application that keeps what happens on channels, and may answer it."""

    def __init__(self) -> None:
        self.events: list[ChannelEvent] = []
        self.packets = 0
        self.react: Callable[[Call, ChannelEvent], None] = lambda call, event: None
        self._changed = asyncio.Event()

    def call_connected(self, call: Call) -> None:
        pass

    def packet_received(self, call: Call, packet: RtpPacket) -> None:
        self.packets += 1
        self._changed.set()

    def call_ended(self, call: Call, cause: EndCause) -> None:
        pass

    def channel_event(self, call: Call, event: ChannelEvent) -> None:
        self.events.append(event)
        self._changed.set()
        self.react(call, event)

    def of_type(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, is_done: Callable[[], bool], timeout: float = 20.0) -> None:
        """Return when ``is_done()``, looked at after each event and packet."""

        async def wait() -> None:
            while not is_done():
                self._changed.clear()
                await self._changed.wait()

        await asyncio.wait_for(wait(), timeout)


class Pump:
    """Sends messages on the one channel of a call as that drains, so that no more than 1 MB waits.

    Args:
        recorder: the call's application, whose reactions this takes over.
        call: with its channel open.
        messages: to be sent.
    """

    def __init__(self, recorder: Recorder, call: Call, messages: Iterable[bytes]) -> None:
        self._call = call
        self._messages = iter(messages)
        (self._opened,) = recorder.of_type(ChannelOpened)
        recorder.react = lambda call, event: self.start() if isinstance(event, ChannelDrained) else None

    def start(self) -> None:
        """Send as much as may wait."""
        channels, channel_id = self._call.channels, self._opened.channel_id
        assert channels is not None
        while channels.buffered_amount(channel_id) < 1_000_000:
            message = next(self._messages, None)
            if message is None:
                return
            channels.send(channel_id, message)


class LossyWay(asyncio.DatagramProtocol):
    """Carries datagrams between one client and the transceiver, and loses a share of them in each direction.

    Nothing is lost until ``share`` is set.
    """

    def __init__(self, seed: int = 1) -> None:
        self.share = 0.0
        self.longest = 0
        self.server: tuple[str, int] | None = None
        self._client: tuple[str, int] | None = None
        self._chance = random.Random(seed)
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> Address:
        """Bind to loopback; return where clients have to send."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        host, port = self._transport.get_extra_info("sockname")
        return Address.of(host, port)

    def stop(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        is_downlink = addr == self.server
        if is_downlink:
            self.longest = max(self.longest, len(data))
        else:
            self._client = addr
        target = self._client if is_downlink else self.server
        if target is not None and self._chance.random() >= self.share:
            self._transport.sendto(data, target)


@contextlib.asynccontextmanager
async def recording_transceiver(
    setup: str = "active", **options: Any
) -> AsyncIterator[tuple[Recorder, Transceiver, LossyWay]]:
    """A transceiver whose answers name the lossy way; ``options`` are further settings of it."""
    recorder, way = Recorder(), LossyWay()
    advertised = await way.start()
    settings = TransceiverSettings(
        Address.of("127.0.0.1", 0),
        advertise=(advertised,),
        dtls_setup=setup,  # type: ignore[arg-type]
        **options,
    )
    try:
        async with Transceiver(settings, application=recorder) as transceiver:
            way.server = (transceiver.address.host, transceiver.address.port)
            yield recorder, transceiver, way
    finally:
        way.stop()
