"""The transport: the four hooks of pipecat's base classes, over one call."""

from __future__ import annotations

from typing import Any

from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    CancelFrame,
    ClientConnectedFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InputTransportMessageFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
    StartFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport, TransportParams

from ...errors import UsageError
from .client import PipecatClient

__all__ = ["RtcsplitInput", "RtcsplitOutput", "RtcsplitTransport"]


class RtcsplitTransport(BaseTransport):
    """A call as a transport. Bots that were made for ``SmallWebRTCTransport`` run on it with audio and messages.

    Events: ``on_client_connected(transport, client)``, ``on_client_disconnected(transport, client)``,
    ``on_app_message(transport, message, sender)``.

    Args:
        client: the call, as the bot's function was given it.
        params: as of any transport; audio is mono, and there is no video.
        input_name: of the input's processor.
        output_name: of the output's processor.

    Raises:
        UsageError: ``params`` want more than one channel, or video.
    """

    def __init__(
        self,
        client: PipecatClient,
        params: TransportParams,
        input_name: str | None = None,
        output_name: str | None = None,
    ) -> None:
        super().__init__(input_name=input_name, output_name=output_name)
        if params.audio_in_channels != 1 or params.audio_out_channels != 1:
            raise UsageError("calls are mono: audio_in_channels and audio_out_channels are 1")
        if params.video_in_enabled or params.video_out_enabled:
            raise UsageError("calls have no video: video_in_enabled and video_out_enabled are False")
        self._client = client
        self._params = params
        self._input: RtcsplitInput | None = None
        self._output: RtcsplitOutput | None = None
        for name in ("on_client_connected", "on_client_disconnected", "on_app_message"):
            self._register_event_handler(name)

    def input(self) -> RtcsplitInput:
        """Return the processor that pushes the client's audio and messages."""
        if self._input is None:
            self._input = RtcsplitInput(self, self._client, self._params, name=self._input_name)
        return self._input

    def output(self) -> RtcsplitOutput:
        """Return the processor that plays audio to the client."""
        if self._output is None:
            self._output = RtcsplitOutput(self, self._client, self._params, name=self._output_name)
        return self._output

    def get_client_id(self, client: PipecatClient) -> str:
        """Return the client's name of its call."""
        return client.pc_id

    async def send_audio(self, frame: OutputAudioRawFrame) -> None:
        """Queue audio at the output."""
        if self._output is not None:
            await self._output.queue_frame(frame, FrameDirection.DOWNSTREAM)

    def begin(self) -> None:
        """The first end of the transport is ready."""
        self._client.begin(self._connected, self._received, self._disconnected)

    async def _connected(self) -> None:
        await self._call_event_handler("on_client_connected", self._client)
        if self._input is not None:
            await self._input.push_frame(ClientConnectedFrame())

    async def _received(self, message: dict[str, Any]) -> None:
        if self._input is not None:
            await self._input.broadcast_frame(InputTransportMessageFrame, message=message)
        await self._call_event_handler("on_app_message", message, self._client.pc_id)

    async def _disconnected(self) -> None:
        await self._call_event_handler("on_client_disconnected", self._client)


class RtcsplitInput(BaseInputTransport):
    """Pushes what the client says. Made by :meth:`RtcsplitTransport.input`."""

    def __init__(
        self, transport: RtcsplitTransport, client: PipecatClient, params: TransportParams, **arguments: Any
    ) -> None:
        super().__init__(params, **arguments)
        self._transport = transport
        self._client = client
        self._reader: Any = None

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Take a share of the call."""
        await super().setup(setup)
        self._client.connect()

    async def start(self, frame: StartFrame) -> None:
        """Begin to read."""
        await super().start(frame)
        if self._params.audio_in_stream_on_start:
            self._read()
        await self.set_transport_ready(frame)
        self._transport.begin()

    async def stop(self, frame: EndFrame) -> None:
        """Read no more."""
        await super().stop(frame)
        await self._stop_reading()

    async def cancel(self, frame: CancelFrame) -> None:
        """End at once."""
        await super().cancel(frame)
        await self._stop_reading()

    async def cleanup(self) -> None:
        """Give the share of the call back."""
        await super().cleanup()
        await self._stop_reading()
        await self._client.disconnect()

    async def _start_audio_in_streaming(self) -> None:
        self._read()

    def _read(self) -> None:
        if self._reader is None and self._params.audio_in_enabled:
            self._reader = self.create_task(self._push_audio())

    async def _stop_reading(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await self.cancel_task(reader)

    async def _push_audio(self) -> None:
        async for pcm in self._client.audio(self.sample_rate):
            await self.push_audio_frame(InputAudioRawFrame(audio=pcm, sample_rate=self.sample_rate, num_channels=1))


class RtcsplitOutput(BaseOutputTransport):
    """Plays what the bot says. Made by :meth:`RtcsplitTransport.output`."""

    def __init__(
        self, transport: RtcsplitTransport, client: PipecatClient, params: TransportParams, **arguments: Any
    ) -> None:
        super().__init__(params, **arguments)
        self._transport = transport
        self._client = client
        self._may_interrupt = True  # what is playing; pipecat lets some audio be played to its end

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Take a share of the call."""
        await super().setup(setup)
        self._client.connect()

    async def start(self, frame: StartFrame) -> None:
        """Be ready to play."""
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._transport.begin()

    async def stop(self, frame: EndFrame) -> None:
        """Play to the end."""
        await super().stop(frame)
        await self._client.finish()

    async def cleanup(self) -> None:
        """Give the share of the call back."""
        await super().cleanup()
        await self._client.disconnect()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Fall silent at an interruption: the base empties its own queue, and this one ours."""
        if isinstance(frame, InterruptionFrame) and self._may_interrupt:
            self._client.interrupt()
        await super().process_frame(frame, direction)

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Note when the base finds that the bot has said what it had to say."""
        if isinstance(frame, BotStoppedSpeakingFrame):
            await self._client.end_speech()
        await super().push_frame(frame, direction)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Play audio; returns when there is room for it, which is the pipeline's pace."""
        self._may_interrupt = getattr(frame, "interruptible", True)
        return await self._client.write(frame.audio, frame.sample_rate)

    async def send_message(self, frame: OutputTransportMessageFrame | OutputTransportMessageUrgentFrame) -> None:
        """Send an application message to the client."""
        self._client.send(frame.message)
