"""Several processes that serve calls, and the one that starts them: it accepts, routes, restarts, and asks for metrics.

A worker is a transceiver of its own, with its own id and UDP port. One that ends takes its calls with it and no other,
and is started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator

import click

from ..relay.sockets import address_of
from .admin_port import admin_port
from .config import TransceiverConfig
from .front import Front
from .listener import listen
from .loading import Source
from .process import Process
from .supervisor import backoff
from .worker_child import DRAIN, RELOAD, UNDO, WorkerChild

__all__ = ["Workers", "serve_with_workers"]

log = logging.getLogger(__name__)


class Workers:
    """Keeps a number of workers; use :meth:`started`.

    Args:
        command: starts one, given its index.
        count: how many.
    """

    def __init__(self, command: list[str], count: int) -> None:
        self._command = command
        self._workers: list[WorkerChild | None] = [None] * count
        self._ends: list[deque[float]] = [deque(maxlen=8) for _ in range(count)]
        self._is_stopping = False
        self._restarting: set[asyncio.Task[None]] = set()

    @classmethod
    @contextlib.asynccontextmanager
    async def started(cls, command: list[str], count: int) -> AsyncIterator[Workers]:
        """Start all of them; the first one alone, so that what is amiss is said once.

        Raises:
            click.exceptions.Exit: one refused to start, and has said why.
        """
        workers = cls(command, count)
        try:
            await workers._start(0)
            await asyncio.gather(*(workers._start(index) for index in range(1, count)))
            yield workers
        finally:
            await workers._stop()

    @property
    def is_serving(self) -> bool:
        """Whether there is a worker that takes requests."""
        return any(self.living)

    @property
    def living(self) -> list[WorkerChild]:
        """The workers that take requests."""
        return [worker for worker in self._workers if worker is not None and worker.is_serving]

    def choose(self, index: int | None) -> WorkerChild | None:
        """Return the worker with that index, or the one with the least to do; None where there is none."""
        if index is None or index >= len(self._workers):
            return min(self.living, key=lambda worker: worker.load, default=None)
        worker = self._workers[index]
        return worker if worker is not None and worker.is_serving else None

    def reload(self) -> None:
        """Have all of them read their configuration again."""
        for worker in self.living:
            worker.tell(RELOAD)

    async def drain(self, undone: asyncio.Event) -> bool:
        """Have each end with its last call, or at its deadline.

        Returns:
            False when all have ended; True as soon as ``undone`` is set: those that live go on, and what has ended
            meanwhile is started again.
        """
        self._is_stopping = True
        undone.clear()
        workers = [worker for worker in self._workers if worker is not None]
        for worker in workers:
            worker.tell(DRAIN)
        waits = [asyncio.create_task(_until_ended(workers)), asyncio.create_task(_until_set(undone))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if undone.is_set():
            self._resume()
        return undone.is_set()

    async def metrics(self) -> dict[int, str]:
        """Return the metrics of those that answer, by index."""
        workers = self.living
        texts = await asyncio.gather(*(worker.metrics() for worker in workers))
        return {worker.index: text for worker, text in zip(workers, texts, strict=True)}

    async def _start(self, index: int) -> None:
        worker = await self._launch(index)
        if not await worker.until_serving():
            raise click.exceptions.Exit(worker.status or 1)

    async def _launch(self, index: int) -> WorkerChild:
        worker = await WorkerChild.start([*self._command, "--index", str(index)], (), self._ended)
        worker.index = index
        self._workers[index] = worker
        return worker

    def _ended(self, worker: WorkerChild) -> None:
        if self._workers[worker.index] is worker:
            self._workers[worker.index] = None
        if self._is_stopping or not worker.listen:
            return  # it was told to, or refused to start
        if worker.status != 0:  # else its last call ended while its drain was taken back
            log.error("worker_ended", extra={"worker": worker.index, "pid": worker.pid, "status": worker.status})
        self._restart_soon(worker.index)

    def _resume(self) -> None:
        self._is_stopping = False
        for index, worker in enumerate(self._workers):
            if worker is None:
                self._restart_soon(index)
            else:
                worker.tell(UNDO)

    def _restart_soon(self, index: int) -> None:
        task = asyncio.create_task(self._restart(index))
        self._restarting.add(task)
        task.add_done_callback(self._restarting.discard)

    async def _restart(self, index: int) -> None:
        ends = self._ends[index]
        while not self._is_stopping:
            ends.append(time.monotonic())
            await asyncio.sleep(backoff(list(ends), time.monotonic()))
            try:
                if await (await self._launch(index)).until_serving():
                    log.info("worker_restarted", extra={"worker": index})
                    return
            except OSError as error:  # no memory, no process: there may be some later
                log.error("worker_refused", extra={"worker": index, "reason": str(error)})

    async def _stop(self) -> None:
        self._is_stopping = True
        for task in self._restarting:
            task.cancel()
        await asyncio.gather(*(worker.stop() for worker in self._workers if worker is not None))


async def _until_ended(workers: list[WorkerChild]) -> None:
    for worker in workers:
        await worker.until_ended()


async def _until_set(event: asyncio.Event) -> None:
    await event.wait()


async def serve_with_workers(process: Process, role: str, source: Source, config: TransceiverConfig) -> None:
    """Serve calls in as many workers as the configuration says, until the process is told to stop.

    Args:
        process: this one.
        role: the command; a key of what ``rtcsplit.cli.worker`` can be.
        source: where the workers read their configuration.
        config: as read now.
    """
    command = [sys.executable, "-m", "rtcsplit.cli.worker", "--role", role, "--config", str(source.path)]
    command += [argument for flag in source.flags for argument in ("--set", flag)]
    with listen("signaling.listen", config.signaling.listen) as listener:
        async with (
            Workers.started(command, config.transceiver.workers) as workers,
            _admin(config, process, workers) as admin,
        ):
            front = Front(listener, workers.choose)
            front.start()
            undone = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, workers.reload)
            process.on_undo(undone.set)
            addresses = ",".join(worker.listen for worker in workers.living)
            process.ready(f"{role} ready: listen={addresses} signaling={address_of(listener)} admin={admin}")
            try:
                while await process.until_stopped() is signal.SIGTERM and await workers.drain(undone):
                    process.resume()
            finally:
                front.stop()


@contextlib.asynccontextmanager
async def _admin(config: TransceiverConfig, process: Process, workers: Workers) -> AsyncIterator[str]:
    class Readiness:
        @property
        def is_ready(self) -> bool:
            return process.is_ready and workers.is_serving

    if config.admin is None:
        yield "none"
        return
    from .worker_metrics import WorkerCollector

    collector = WorkerCollector(workers.metrics)
    async with admin_port(config.admin, Readiness(), lambda: [collector], refresh=collector.refresh) as address:
        yield str(address)
