"""Both ends of a relay as processes: ``python -m tests.faults.sizes transceiver ADDRESS`` or ``client ADDRESS UFRAG``.

The transceiver returns what it gets, header and all. The client asks, sends one datagram of each size, and prints the
sizes that came back whole, as JSON.
"""

from __future__ import annotations

import json
import socket
import sys

from rtcsplit.wire.address import Address
from tests.relay_bench import request

SIZES = (1200, 1434, 1435, 1472)


def transceiver(address: Address) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address.host, address.port))
        print("ready", flush=True)
        while True:
            datagram, source = sock.recvfrom(4096)
            sock.sendto(datagram, source)


def client(address: Address, ufrag: str) -> None:
    returned = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((address.host, address.port))
        sock.settimeout(2)
        sock.send(request(f"{ufrag}:peer"))
        sock.recv(4096)
        for size in SIZES:
            datagram = bytes([0x16]) + bytes(i % 251 for i in range(size - 1))
            sock.send(datagram)
            if sock.recv(4096) == datagram:
                returned.append(size)
    print(json.dumps(returned))


if __name__ == "__main__":
    {"transceiver": transceiver, "client": client}[sys.argv[1]](Address.parse(sys.argv[2]), *sys.argv[3:])
