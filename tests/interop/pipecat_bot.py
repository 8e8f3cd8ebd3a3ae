"""A pipeline of pipecat around one processor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from pipecat.frames.frames import Frame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from rtcsplit.adapters.pipecat import PipecatClient, RtcsplitTransport
from rtcsplit.wire.address import Address

__all__ = ["LOOPBACK", "Bot"]

LOOPBACK = Address.of("127.0.0.1", 0)


class Bot:
    """A pipeline around one processor, which keeps what its transport tells."""

    def __init__(self, processor: Callable[[], FrameProcessor], frames: Sequence[Frame] = ()) -> None:
        self.told: list[str] = []
        self.request_data: object = None
        self.messages: list[Any] = []
        self.finished = asyncio.Event()
        self._processor = processor
        self._frames = frames

    async def run(self, client: PipecatClient) -> None:
        self.request_data = client.request_data
        params = TransportParams(audio_in_enabled=True, audio_out_enabled=True, audio_out_end_silence_secs=0)
        transport = RtcsplitTransport(client, params)
        worker = PipelineWorker(Pipeline([transport.input(), self._processor(), transport.output()]))

        @transport.event_handler("on_client_connected")
        async def on_client_connected(transport: RtcsplitTransport, who: PipecatClient) -> None:
            self.told.append("connected")
            assert transport.get_client_id(who) == client.pc_id
            await worker.queue_frames(self._frames)

        @transport.event_handler("on_client_disconnected")
        async def on_client_disconnected(transport: RtcsplitTransport, who: PipecatClient) -> None:
            self.told.append("disconnected")
            await worker.cancel()

        @transport.event_handler("on_app_message")
        async def on_app_message(transport: RtcsplitTransport, message: Any, sender: str) -> None:
            self.messages.append(message)

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()
        self.finished.set()
