"""Buffers of sockets: as large as asked for, or a warning that names the kernel's limit."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest

from rtcsplit._native.socket_buffers import set_buffers, warn_of_small_buffers


class Kernel:
    """A socket's options under a kernel that gives at most ``limit``, forced or not as it ``may_force``."""

    def __init__(self, limit: int, *, may_force: bool) -> None:
        self._limit, self._may_force = limit, may_force
        self.granted: dict[int, int] = {}

    def setsockopt(self, _level: int, option: int, octets: int) -> None:
        forced = {32: socket.SO_SNDBUF, 33: socket.SO_RCVBUF}
        if option in forced and not self._may_force:
            raise PermissionError
        granted = octets if option in forced else min(octets, self._limit)
        self.granted[forced.get(option, option)] = 2 * granted

    def getsockopt(self, _level: int, option: int) -> int:
        return self.granted[option]


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        yield made


def test_real_sockets_take_what_is_asked_for(sock: socket.socket, caplog: pytest.LogCaptureFixture) -> None:
    set_buffers(sock, 65536)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 131072
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 131072
    warn_of_small_buffers(sock, 65536)
    assert not caplog.records


def test_the_limit_does_not_hold_for_who_may_force(caplog: pytest.LogCaptureFixture) -> None:
    kernel = Kernel(1000, may_force=True)
    set_buffers(kernel, 4000)  # type: ignore[arg-type]
    warn_of_small_buffers(kernel, 4000)  # type: ignore[arg-type]
    assert not caplog.records


def test_less_than_asked_for_names_the_sysctls(caplog: pytest.LogCaptureFixture) -> None:
    kernel = Kernel(1000, may_force=False)
    with caplog.at_level(logging.WARNING):
        set_buffers(kernel, 4000)  # type: ignore[arg-type]
        warn_of_small_buffers(kernel, 4000)  # type: ignore[arg-type]
    told = [(record.message, vars(record)["sysctl"], vars(record)["granted"]) for record in caplog.records]
    assert told == [
        ("socket_buffer_small", "net.core.rmem_max", 1000),
        ("socket_buffer_small", "net.core.wmem_max", 1000),
    ]
