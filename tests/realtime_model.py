"""A scripted Realtime server."""

from __future__ import annotations

import json
from array import array
from base64 import b64decode, b64encode
from typing import Any

from tests.backends import Script

__all__ = ["RATE", "TONE", "Model"]

RATE = 24_000
TONE = array("h", [8_000 if index // 30 % 2 else -8_000 for index in range(RATE)]).tobytes()


class Model(Script):
    """A scripted Realtime server: greets, says that sessions are updated, and otherwise what the test has it say."""

    async def __call__(self, socket: Any) -> None:
        self.sockets.append(socket)
        await socket.send(json.dumps({"type": "session.created", "session": {"type": "realtime"}}))
        async for message in socket:
            event = json.loads(message)
            self.events.append(event)
            if event["type"] == "session.update":
                await self.say(type="session.updated", session=event["session"])

    async def speak(self, seconds: int, item: str = "item_1", response: str = "resp_1", *, ends: bool = True) -> None:
        names = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
        for _ in range(seconds):
            await self.say(type="response.output_audio.delta", delta=b64encode(TONE).decode(), **names)
        if ends:
            await self.say(type="response.output_audio.done", **names)

    def heard(self) -> bytes:
        return b"".join(b64decode(event["audio"]) for event in self.of_type("input_audio_buffer.append"))
