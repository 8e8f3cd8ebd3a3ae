"""A relay and a transceiver that share a folder: who is there, drains, has gone; and its calls are routed."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import httpx

from rtcsplit.wire import stun
from tests.cli_relay import RELAY
from tests.cli_transceiver import HINT_KEYS, TRANSCEIVER
from tests.offers import stored
from tests.processes import Running, running

FOLDER = "transceivers"
LISTENING = '[signaling]\nlisten = "127.0.0.1:0"\nallow_anonymous = true\n'
CONFIGS = {
    "relay": RELAY.replace("directory.toml", FOLDER) + 'allow_client_networks = ["127.0.0.0/8"]\n',
    "transceiver": TRANSCEIVER.replace("drain_seconds = 0", f'drain_seconds = 60\nannounce_to = "{FOLDER}"')
    + LISTENING,
}


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
    (tmp_path / FOLDER).mkdir()
    for role, text in CONFIGS.items():
        (tmp_path / f"{role}.toml").write_text(text + HINT_KEYS)
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
