"""Hint keys are replaced three times under real and synthetic calls, by editing the file that all processes read.

::

    keys.toml ── SIGHUP ──► rtcsplit relay, restarted once between ──► rtcsplit transceiver, and a socket of ours
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import time

import pytest

from rtcsplit.routing.hint import RoutingKeys
from tests.mixed_calls import Mixed, talking

LONG = [pytest.mark.long, pytest.mark.timeout(400)]


class Ring:
    """The deployment's keys, as an operator edits them."""

    def __init__(self, mixed: Mixed) -> None:
        self._mixed = mixed
        self._path = mixed.deployment.folder / "keys.toml"
        [(number, secret)] = re.findall(r'^(\d+) = "([0-9a-f]{64})"$', self._path.read_text(), re.MULTILINE)
        self.secrets = {int(number): bytes.fromhex(secret)}
        self.mint = int(number)

    def add(self) -> None:
        """A secret that nothing is minted with yet: relays first."""
        self.secrets[max(self.secrets) + 1] = secrets.token_bytes(32)
        self._write(self._mixed.deployment.relay.pid)

    def mint_newest(self) -> None:
        """Then those who mint."""
        self.mint = max(self.secrets)
        self._write(self._mixed.deployment.transceiver.pid)
        self._mixed.calls.keys = RoutingKeys(dict(self.secrets), self.mint)

    def remove(self, key_id: int) -> None:
        del self.secrets[key_id]
        self._write(self._mixed.deployment.relay.pid)

    def _write(self, told: int) -> None:
        lines = [f'{key_id} = "{secret.hex()}"\n' for key_id, secret in self.secrets.items()]
        temporary = self._path.with_suffix(".new")
        temporary.write_text(f"mint = {self.mint}\n[secrets]\n" + "".join(lines))
        temporary.replace(self._path)
        os.kill(told, signal.SIGHUP)


@pytest.mark.parametrize(
    ("real", "synthetic", "seconds"), [(2, 4, 1.0), pytest.param(10, 40, 18.0, marks=LONG, id="long")]
)
async def test_three_rotations_with_a_restart_between_end_no_call(
    real: int, synthetic: int, seconds: float, is_long: bool
) -> None:
    """C22, T17: every call goes on; then a key goes, and with it what began under it, within a second."""
    async with talking(real, synthetic) as mixed:
        ring = Ring(mixed)
        began_under = {}
        for rotation in range(3):
            ring.add()
            await mixed.run(seconds / 2)
            ring.mint_newest()
            began_under[ring.mint] = mixed.calls.add_call()
            await mixed.calls.begin([began_under[ring.mint]])
            await mixed.run(seconds / 2)
            if rotation == 1:
                restarting = asyncio.ensure_future(mixed.run(3.0))
                await mixed.deployment.relay.stop()
                await mixed.deployment.relay.start()
                await restarting
                mixed.calls.check()
        await mixed.assert_all_talk()
        gone = began_under[2]
        for call in mixed.calls.calls:
            call.forget()
        before = (await mixed.reading()).drops.get("hint_invalid", 0)
        removed = time.time()
        ring.remove(2)
        while (await mixed.reading()).drops.get("hint_invalid", 0) == before:
            assert time.time() - removed < 20
            await mixed.calls.run(0.1)
        refused = max(0.0, gone.up.heard_at - removed)
        mixed.calls.calls.remove(gone)
        await mixed.assert_all_talk()
        lost = mixed.calls.lost
    print(f"\n{real + synthetic + 3} calls, 3 keys in {3 * seconds:.0f} s: refused {refused:.2f} s after removal")
    assert lost == 0
    assert refused < 1.0 or not is_long
