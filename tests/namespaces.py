"""Hosts of our own: network namespaces on one bridge, and one host outside of it. Needs root, or the rights of it.

::

    outside ── 203.0.113.0/24 ── edge ──┐
                                  a  ───┼── bridge 10.99.0.0/24 in core
                                  b  ───┘
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence

__all__ = ["CORE", "EDGE", "OUTSIDE", "PUBLIC", "Hosts", "hosts", "why_not"]

OUTSIDE, PUBLIC = "203.0.113.2", "203.0.113.1"
CORE, EDGE = "10.99.0.1", "10.99.0.2"

_NAMES = ("outside", "edge", "core")


class Hosts:
    """The namespaces, by what they are called above.

    Args:
        inner: names of the hosts beside ``edge`` on the bridge.
    """

    def __init__(self, inner: Sequence[str]) -> None:
        self._inner = tuple(inner)
        self._all = (*_NAMES, *self._inner)

    def address(self, name: str) -> str:
        """The address of one of the inner hosts."""
        return f"10.99.0.{11 + self._inner.index(name)}"

    def within(self, name: str) -> list[str]:
        """What a command line begins with to run on a host."""
        return ["ip", "netns", "exec", self._real(name)]

    def cut(self, name: str) -> None:
        """Pull an inner host's cable: nobody is told."""
        _run("ip", "-n", self._real("core"), "link", "set", f"to-{name}", "down")

    def mend(self, name: str) -> None:
        """Plug it in again."""
        _run("ip", "-n", self._real("core"), "link", "set", f"to-{name}", "up")

    def build(self) -> None:
        """Make everything."""
        for name in self._all:
            _run("ip", "netns", "add", self._real(name))
            self._ip(name, "link", "set", "lo", "up")
        self._ip("core", "link", "add", "br0", "type", "bridge")
        self._ip("core", "address", "add", f"{CORE}/24", "dev", "br0")
        self._ip("core", "link", "set", "br0", "up")
        self._ip("core", "route", "add", "203.0.113.0/24", "via", EDGE)
        for name, address in (("edge", EDGE), *((name, self.address(name)) for name in self._inner)):
            self._plug_in(name, address)
        self._ip(
            "outside", "link", "add", "eth0", "type", "veth", "peer", "name", "public", "netns", self._real("edge")
        )
        for name, link, address in (("outside", "eth0", OUTSIDE), ("edge", "public", PUBLIC)):
            self._ip(name, "address", "add", f"{address}/24", "dev", link)
            self._ip(name, "link", "set", link, "up")
        self._ip("outside", "route", "add", "default", "via", PUBLIC)
        _run(*self.within("edge"), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    def remove(self) -> None:
        """Remove everything that was made."""
        for name in self._all:
            subprocess.run(["ip", "netns", "delete", self._real(name)], capture_output=True, check=False)

    def _plug_in(self, name: str, address: str) -> None:
        port = f"to-{name}"
        self._ip("core", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", self._real(name))
        self._ip("core", "link", "set", port, "master", "br0")
        self._ip("core", "link", "set", port, "up")
        self._ip(name, "address", "add", f"{address}/24", "dev", "eth0")
        self._ip(name, "link", "set", "eth0", "up")

    def _ip(self, name: str, *arguments: str) -> None:
        _run("ip", "-n", self._real(name), *arguments)

    @staticmethod
    def _real(name: str) -> str:
        return f"rtcsplit-{os.getpid()}-{name}"


@contextlib.contextmanager
def hosts(*inner: str) -> Iterator[Hosts]:
    """Hosts until the block ends."""
    made = Hosts(inner)
    try:
        made.build()
        yield made
    finally:
        made.remove()


def why_not() -> str:
    """Say why there can be no namespaces here; nothing if there can."""
    if shutil.which("ip") is None:
        return "needs iproute2"
    made = Hosts(())
    try:
        made.build()
    except subprocess.CalledProcessError as error:
        return f"may not make network namespaces: {error.stderr.strip()}"
    finally:
        made.remove()
    return ""


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True)
