"""Which UDP sockets a process has, read from the kernel (proc(5)): /proc/PID/fd and /proc/PID/net/udp."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

__all__ = ["udp_ports"]


def udp_ports(pid: int) -> list[int]:
    """Return the local port of every UDP socket of the process, one for each socket, sorted."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if found := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor)):
                inodes.add(found[1])
    ports = []
    for table in ("udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[9] in inodes:
                ports.append(int(columns[1].rpartition(":")[2], 16))
    return sorted(ports)
