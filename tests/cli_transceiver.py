"""The configuration of a transceiver process."""

from __future__ import annotations

from .cli_relay import ADMIN, SECRET

__all__ = ["ADMIN", "HINT_KEYS", "SECRET", "SIGNALING", "TRANSCEIVER"]

HINT_KEYS = f'[hint_keys]\nmint = 1\nsecrets.1 = "{SECRET.hex()}"\n'
TRANSCEIVER = """
[transceiver]
cluster = 1
id = 2
listen = "127.0.0.1:0"
advertise = ["203.0.113.10:3478"]
relay_networks = ["127.0.0.0/8"]
receive_buffer_bytes = 65536
drain_seconds = 0
"""
SIGNALING = '[signaling]\nlisten = "127.0.0.1:0"\ntokens = ["token"]\n'
