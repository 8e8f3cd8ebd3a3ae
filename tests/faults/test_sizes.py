"""Datagrams that fit the public side and, with 38 octets more, not the internal one: links of 1,500 octets both."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.sizes import SIZES
from tests.namespaces import CORE, EDGE, PUBLIC, hosts, why_not
from tests.processes import running
from tests.relay_bench import ufrag

RELAY = f"""
[relay]
listen = "{PUBLIC}:3478"
upstream = "{EDGE}:40000"
directory = "directory.toml"
workers = 1
confirmed_flows = 1024
standby = false
[hint_keys]
secrets.1 = "{bytes(range(32)).hex()}"
"""
DIRECTORY = f"""
[[transceiver]]
cluster = 1
id = 1
address = "{CORE}:5000"
"""


def test_what_no_longer_fits_the_internal_link_arrives_in_fragments(tmp_path: Path) -> None:
    """A13: each size up and down, nothing cut short; the header does not fit from 1,435 octets on."""
    if reason := why_not():
        pytest.skip(reason)
    (tmp_path / "relay.toml").write_text(RELAY)
    (tmp_path / "directory.toml").write_text(DIRECTORY)
    program = [sys.executable, "-m", "tests.faults.sizes"]
    with hosts() as network:
        echo = [*network.within("core"), *program, "transceiver", f"{CORE}:5000"]
        with (
            running("relay", "--config", tmp_path / "relay.toml", within=network.within("edge")),
            subprocess.Popen(echo, stdout=subprocess.PIPE, text=True) as transceiver,
        ):
            try:
                assert transceiver.stdout is not None
                assert transceiver.stdout.readline() == "ready\n"
                client = [*network.within("outside"), *program, "client", f"{PUBLIC}:3478", ufrag()]
                ended = subprocess.run(client, capture_output=True, text=True, check=True, timeout=20)
                assert tuple(json.loads(ended.stdout)) == SIZES
            finally:
                transceiver.kill()
