"""A real Redis on loopback that a test may stop, freeze and fill with rubbish."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import redis

from tests.processes import free_port

__all__ = ["RedisServer", "SlowProxy", "redis_server"]


class RedisServer:
    """One server, always on the same port; keeps nothing when it is stopped.

    Args:
        directory: where it may write.
        options: for its command line, such as ``--requirepass``.
    """

    def __init__(self, directory: Path, *options: str) -> None:
        self._directory = directory
        self._options = options
        self.port = free_port(socket.SOCK_STREAM)
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        """A connection of the test's own."""
        return redis.Redis(host="127.0.0.1", port=self.port)

    def start(self) -> None:
        """Return when it accepts connections."""
        program = shutil.which("redis-server")
        assert program, "the Debian package redis-server is needed"
        self._process = subprocess.Popen(
            [
                *(program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._directory)),
                *("--save", "", "--appendonly", "no", "--daemonize", "no", *self._options),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if "Ready to accept connections" in line:
                return
        raise AssertionError("".join(said))

    def stop(self) -> None:
        """Kill it, with all it holds."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It accepts connections, by the kernel's backlog, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


class SlowProxy:
    """A TCP port of loopback that passes everything on to a server, later; use :meth:`serving`.

    Attributes:
        delay: seconds, each way.
        port: its own.
    """

    def __init__(self, server: RedisServer) -> None:
        self.delay = 0.0
        self.port = 0
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[SlowProxy]:
        """Accept connections until the block ends."""
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            listener.close()
            for task in self._tasks:
                task.cancel()
            for writer in self._writers:  # what is on its way stays there
                writer.transport.abort()
            closed = [writer.wait_closed() for writer in self._writers]
            await asyncio.gather(*self._tasks, *closed, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            onward, back = await asyncio.open_connection("127.0.0.1", self._server.port)
        except OSError:
            writer.close()
            return
        self._writers.append(back)
        for source, sink in ((reader, back), (onward, writer)):
            task = asyncio.create_task(self._pass_on(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        try:
            while octets := await source.read(1 << 16):
                loop.call_later(self.delay, sink.write, octets)
        except OSError:
            pass
        finally:
            loop.call_later(self.delay, sink.close)


@contextlib.contextmanager
def redis_server(directory: Path, *options: str) -> Iterator[RedisServer]:
    """A running server, killed at the end."""
    server = RedisServer(directory, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
