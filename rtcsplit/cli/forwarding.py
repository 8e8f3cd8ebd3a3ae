"""One forwarding process of a relay, as itself sees it: what its supervisor tells it, and what it tells back.

Messages are words on a socket of packets between the two. This is all that a supervisor and a forwarding process of
different versions have to agree on, besides the options of ``rtcsplit.cli.forwarder``:

=============  ====================  ================================================================
from           message               says
=============  ====================  ================================================================
forwarder      prepared, one         everything is read and checked, the workers wait for their seats;
               descriptor            the descriptor is the memory of its flow tables
supervisor     serve                 it is the one in charge: logs, admin port, control of the relay
forwarder      serving               done
supervisor     ready, not ready      what ``/readyz`` says from now on
supervisor     reload                read keys and directory again
supervisor     stop                  finish the batches at hand and end
=============  ====================  ================================================================

Terminal and operator signal the supervisor; a forwarding process ignores them, and dies with its supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import struct
from collections import Counter
from collections.abc import Callable

from .._native.shared import die_with
from ..errors import RtcsplitError
from .child import MESSAGE_OCTETS, STOP
from .process import reload_and_log

__all__ = ["NOT_READY", "PREPARED", "READY", "RELOAD", "SERVE", "SERVING", "Forwarding"]

PREPARED, SERVING = b"prepared", b"serving"
SERVE, READY, NOT_READY, RELOAD = b"serve", b"ready", b"not ready", b"reload"

_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Forwarding:
    """What a forwarding process knows about itself.

    Args:
        control: connected to the supervisor.

    Attributes:
        is_ready: what ``/readyz`` says.
        is_draining: whether the supervisor has said that it is not.
        reloads: how many, by outcome: done, failed.
    """

    def __init__(self, control: socket.socket) -> None:
        self.is_ready = self.is_draining = False
        self.reloads = Counter(done=0, failed=0)
        self._control = control
        self._serve, self._stopped = asyncio.Event(), asyncio.Event()
        self._reload: Callable[[], None] = lambda: None
        self._failure: RtcsplitError | None = None
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        if not die_with(_peer_of(control)):
            os._exit(1)
        logging.disable(logging.ERROR)  # who only stands by has nothing to say that the one in charge does not
        asyncio.get_running_loop().add_reader(control, self._receive)

    def on_reload(self, reload: Callable[[], None]) -> None:
        """Call ``reload`` whenever keys and directory are to be read again; what it raises is logged."""
        self._reload = reload

    def prepared(self, region: int | None) -> None:
        """Say that nothing is missing any more, and which memory the flow tables are in."""
        socket.send_fds(self._control, [PREPARED], [] if region is None else [region])

    async def until_in_charge(self) -> None:
        """Return when this process is to serve, or to stop."""
        await self._serve.wait()

    def serving(self) -> None:
        """Say that it does."""
        self._control.send(SERVING)

    async def until_stopped(self) -> None:
        """Return when the process was told to stop.

        Raises:
            RtcsplitError: it cannot go on, see :meth:`fail`.
        """
        await self._stopped.wait()
        if self._failure is not None:
            raise self._failure

    def fail(self, error: RtcsplitError) -> None:
        """Let :meth:`until_stopped` raise ``error``: the process has lost what it is there for."""
        self._failure = error
        self._stop()

    def take_charge(self) -> None:
        """Speak, and be ready."""
        logging.disable(logging.NOTSET)
        self.is_ready = True
        self._serve.set()

    def _receive(self) -> None:
        message = b""
        with contextlib.suppress(OSError):  # the supervisor is gone
            message = self._control.recv(MESSAGE_OCTETS)
        if message == SERVE:
            self.take_charge()
        elif message in (READY, NOT_READY):
            self.is_ready, self.is_draining = message == READY, message == NOT_READY
        elif message == RELOAD:
            self.reloads["done" if reload_and_log(self._reload) else "failed"] += 1
        elif message in (STOP, b""):
            self._stop()

    def _stop(self) -> None:
        self.is_ready = False
        asyncio.get_running_loop().remove_reader(self._control)
        self._stopped.set()
        self._serve.set()


def _peer_of(control: socket.socket) -> int:
    """Return the id of the process that made the pair of sockets."""
    pid: int = struct.unpack("3i", control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    return pid
