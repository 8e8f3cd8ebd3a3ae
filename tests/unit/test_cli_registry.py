"""A relay and a transceiver that share a folder: who is there, drains, has gone; and its calls are routed."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import httpx

from rtcsplit.wire import stun
from tests.offers import stored
from tests.processes import Running, running

KEYS = f'[hint_keys]\nmint = 1\nsecrets.1 = "{bytes(range(32)).hex()}"\n'
RELAY = """
[relay]
listen = "127.0.0.1:0"
upstream = "127.0.0.1:0"
directory = "transceivers"
workers = 1
confirmed_flows = 1024
receive_buffer_bytes = 65536
standby = false
drain_seconds = 0
allow_client_networks = ["127.0.0.0/8"]
"""
TRANSCEIVER = """
[transceiver]
cluster = 1
id = 2
listen = "127.0.0.1:0"
advertise = ["127.0.0.1:9"]
relay_networks = ["127.0.0.0/8"]
announce_to = "transceivers"
drain_seconds = 60
[signaling]
listen = "127.0.0.1:0"
allow_anonymous = true
"""


def listed(relay: Running) -> tuple[int, int]:
    """Entries of the relay's next directory, and how many of them are active."""
    while (line := json.loads(relay.next_log()))["event"] != "directory_replaced":
        assert line["event"] == "client_network_admitted"
    return line["entries"], line["active"]


def check(answer: str, remote_ufrag: str) -> bytes:
    """A binding request as that answer invites to."""
    values = dict(line[2:].split(":", 1) for line in answer.splitlines() if line.startswith(("a=ice-u", "a=ice-p")))
    attributes = [(stun.Attribute.USERNAME, f"{values['ice-ufrag']}:{remote_ufrag}".encode())]
    key = values["ice-pwd"].encode()
    return stun.build(stun.MessageClass.REQUEST, stun.BINDING, os.urandom(12), attributes, integrity_key=key)


def test_a_relay_finds_a_transceiver_in_a_folder_until_its_last_call_has_ended(tmp_path: Path) -> None:
    (tmp_path / "transceivers").mkdir()
    for name, text in (("relay.toml", RELAY), ("transceiver.toml", TRANSCEIVER)):
        (tmp_path / name).write_text(text + KEYS)
    offer = stored("chromium_audio")
    remote_ufrag = offer.decode().partition("a=ice-ufrag:")[2].split()[0]
    with (
        running("relay", "--config", tmp_path / "relay.toml") as relay,
        running("transceiver", "--config", tmp_path / "transceiver.toml") as transceiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        assert listed(relay) == (1, 1)
        client.settimeout(10)
        client.connect((relay.address("listen").host, relay.address("listen").port))
        url = f"http://{transceiver.address('signaling')}"
        accepted = httpx.post(f"{url}/whip", content=offer, headers={"content-type": "application/sdp"})
        transceiver.process.send_signal(signal.SIGTERM)
        assert listed(relay) == (1, 0)
        client.send(check(accepted.text, remote_ufrag))
        answer = stun.parse(client.recv(2048))
        assert isinstance(answer, stun.Message)
        assert answer.message_class is stun.MessageClass.SUCCESS_RESPONSE
        assert httpx.delete(url + accepted.headers["location"]).status_code == 200
        assert transceiver.process.wait(timeout=20) == 0
        assert listed(relay) == (0, 0)
        assert relay.stop()[0] == 0
