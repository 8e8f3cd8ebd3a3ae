"""A backend in 40 lines: says back what it hears, and falls silent when somebody speaks up.

    pip install websockets
    python examples/echo_backend.py 9000

Then `url = "ws://127.0.0.1:9000"` in the `[backend]` section of gateway.toml. The protocol is on one page:
docs/reference/backend-protocol.md.
"""

from __future__ import annotations

import asyncio
import json
import sys

from websockets.asyncio.server import ServerConnection, serve


async def call(socket: ServerConnection) -> None:
    """One call: binary messages are its audio, text messages are events."""
    was_speaking = False
    async for message in socket:
        if isinstance(message, bytes):
            await socket.send(message)
            continue
        event = json.loads(message)
        print(event["type"], flush=True)
        if event["type"] == "audio.level":
            if event["voice"] and not was_speaking:
                await socket.send(json.dumps({"type": "flush"}))
            was_speaking = event["voice"]


async def main(port: int) -> None:
    async with serve(call, "127.0.0.1", port, compression=None) as server:
        print(f"listening on port {server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 9000))
