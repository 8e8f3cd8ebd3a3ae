"""A pipecat bot that says back what it hears, for pipecat's own clients. Run: python -m examples.pipecat_echo

    pip install 'rtcsplit[pipecat]'

A client connects with `webrtcUrl: "http://127.0.0.1:8080/api/offer"`.
"""

from __future__ import annotations

from pipecat.frames.frames import Frame, InputAudioRawFrame, OutputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from examples.serving import serve_pipecat
from rtcsplit.adapters.pipecat import PipecatApplication, PipecatClient, RtcsplitTransport

RATE = 24_000


class Echo(FrameProcessor):
    """Turns what comes in into what goes out."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass everything on; audio of the client as audio of ours."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            frame = OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels)
        await self.push_frame(frame, direction)


async def bot(client: PipecatClient) -> None:
    """One call: a pipeline as pipecat's examples build it, on our transport."""
    transport = RtcsplitTransport(client, TransportParams(audio_in_enabled=True, audio_out_enabled=True))
    params = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
    worker = PipelineWorker(Pipeline([transport.input(), Echo(), transport.output()]), params=params)

    @transport.event_handler("on_client_connected")
    async def on_client_connected(transport: RtcsplitTransport, client: PipecatClient) -> None:
        print(f"{client.pc_id[:6]} is here, with {client.request_data}", flush=True)

    @transport.event_handler("on_client_disconnected")
    async def on_client_disconnected(transport: RtcsplitTransport, client: PipecatClient) -> None:
        print(f"{client.pc_id[:6]} is gone", flush=True)
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


APPLICATION = PipecatApplication(bot)

if __name__ == "__main__":
    serve_pipecat(APPLICATION)
