"""The configuration of a relay process, and a client's first datagram to it."""

from __future__ import annotations

from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.wire.stun import Attribute, MessageClass, build

__all__ = ["ADMIN", "HINT_KEYS", "RELAY", "SECRET", "binding_request", "directory_entry"]

SECRET = bytes(range(32))
HINT_KEYS = f'[hint_keys]\nsecrets.1 = "{SECRET.hex()}"\n'
RELAY = """
[relay]
listen = "127.0.0.1:0"
upstream = "127.0.0.1:0"
directory = "directory.toml"
workers = 1
confirmed_flows = 1024
receive_buffer_bytes = 65536
standby = false
drain_seconds = 0
"""
ADMIN = '[admin]\nlisten = "127.0.0.1:0"\n'


def directory_entry(address: tuple[str, int]) -> str:
    return f'[[transceiver]]\ncluster = 1\nid = 2\naddress = "{address[0]}:{address[1]}"\n'


def binding_request(key_id: int = 1, secret: bytes = SECRET) -> bytes:
    """A check that names transceiver 2 of cluster 1."""
    ufrag = RoutingKeys({key_id: secret}, key_id).mint(Route(1, 2), bytes(5))
    username = f"{ufrag}:abcd".encode()
    return build(MessageClass.REQUEST, 1, bytes(12), [(Attribute.USERNAME, username)])
