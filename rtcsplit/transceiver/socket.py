"""The transceiver's one UDP socket: bound once, received from and sent to in batches."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from .._native.session_table import NativeSessionTable
from .._native.socket_buffers import set_buffers, warn_of_small_buffers
from .._native.udp import kernel_drops
from ..errors import ConfigurationError
from ..session.outbox import Outgoing
from ..wire.address import Address
from .datagrams import DatagramBatch
from .settings import TransceiverSettings

__all__ = ["TransceiverSocket"]


class TransceiverSocket:
    """Binds as the settings say.

    Args:
        settings: address, mode and buffer.
        table: whose SRTP is opened in the batches.

    Raises:
        ConfigurationError: the address cannot be bound.
    """

    def __init__(self, settings: TransceiverSettings, table: NativeSessionTable) -> None:
        family = socket.AF_INET if settings.listen.is_ipv4 else socket.AF_INET6
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            if family == socket.AF_INET6:
                # The wildcard takes IPv4 too, in mapped form; any other address is IPv6 anyway.
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            set_buffers(self._socket, settings.receive_buffer_bytes)
            warn_of_small_buffers(self._socket, settings.receive_buffer_bytes)
            self._socket.bind((settings.listen.host, settings.listen.port))
            self._batch = DatagramBatch(
                self._socket.fileno(), settings.relay_networks or None, table, settings.trunk_mtu, settings.gather
            )
        except OSError as error:
            self._socket.close()
            raise ConfigurationError(
                "transceiver.listen", str(settings.listen), f"an address of this machine that is free ({error})"
            ) from None
        host, port = self._socket.getsockname()[:2]
        self.address = Address.of(host, port)

    @property
    def batch(self) -> DatagramBatch:
        """What was received, sent and dropped, counted."""
        return self._batch

    @property
    def overflow(self) -> int:
        """How many datagrams the kernel dropped because the receive buffer was full, modulo 2**32."""
        return kernel_drops(self._socket)

    def fileno(self) -> int:
        """Return the file descriptor, for the event loop."""
        return self._socket.fileno()

    def send(self, outgoing: Sequence[Outgoing]) -> None:
        """Send each datagram along its path; what the kernel refuses is counted, not retried."""
        self._batch.send(outgoing)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
