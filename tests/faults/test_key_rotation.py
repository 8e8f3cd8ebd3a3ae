"""Hint keys are replaced three times under running calls, with a restart of the relay between.

As an operator does it: the new secret goes to the relays, then the transceivers mint with it, and the old one is
removed when its last call has ended.
"""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import pytest

from rtcsplit._native.relay_flows import RelayFlows
from rtcsplit.drops import DropReason
from rtcsplit.routing.hint import RoutingKeys
from rtcsplit.wire import spp
from tests.processes import Running, running
from tests.relay_bench import CLIENT, DTLS, FIRST, INTERNAL, RTP, decisions, request, ufrag
from tests.relay_calls import Call, Calls, calls

SECRETS = {key_id: bytes([key_id]) * 32 for key_id in range(1, 5)}


def ring(*key_ids: int) -> RoutingKeys:
    """The secrets of these ids; the last one mints."""
    return RoutingKeys({key_id: SECRETS[key_id] for key_id in key_ids}, key_ids[-1])


def assert_nothing_lost(made: Calls, besides: list[Call]) -> None:
    for call in made.calls:
        if call not in besides:
            assert call.lost == (0, 0)


async def begin(made: Calls, count: int, keys: RoutingKeys) -> list[Call]:
    """More calls, whose transceiver mints with the newest key."""
    made.keys = keys
    begun = [made.add_call() for _ in range(count)]
    await made.begin(begun)
    return begun


async def test_three_rotations_and_a_restart_lose_no_call():
    """C22, T17: calls of the key before go on while the key is there, and the others notice nothing at all."""
    async with calls(5, ring(1)) as made:
        generation = list(made.calls)
        for old, new in ((1, 2), (2, 3), (3, 4)):
            assert made.relay is not None
            made.relay.replace_keys(ring(old, new))
            began = await begin(made, 5, ring(old, new))
            made.check()  # every client checks every few seconds, whichever key its ufrag was minted with
            await made.run(0.3)
            assert_nothing_lost(made, besides=[])
            if old == 2:
                await made.stop_relay()
                await made.start_relay()
                await made.run(0.2)
                for call in made.calls:
                    assert call.lost[0] <= 10
                    call.forget()
                made.check()
                await made.run(0.2)
                assert_nothing_lost(made, besides=[])
                assert made.relay.counters().confirmed_flows == len(made.calls)
            for call in generation:  # these calls have ended, as their key may go
                made.calls.remove(call)
            made.relay.replace_keys(ring(new))
            await made.run(0.2)
            assert_nothing_lost(made, besides=[])
            generation = began
        drops = made.relay.counters().drops
        assert set(drops) <= {DropReason.NO_FLOW}  # of the moments after the restart


async def test_what_a_removed_key_opened_is_refused_within_a_second():
    """C22: requests and running flows alike, whether anything comes in or not."""
    async with calls(3, ring(1)) as made:
        assert made.relay is not None
        made.relay.replace_keys(ring(1, 2))
        stay = await begin(made, 3, ring(1, 2))
        gone = [call for call in made.calls if call not in stay]
        await made.run(0.2)
        made.relay.replace_keys(ring(2))
        removed = time.monotonic()
        await made.run(0.05)
        assert time.monotonic() - removed < 1.0
        for call in gone:
            call.forget()
        made.check(gone)
        await made.run(0.3)
        assert [call.up.received for call in gone] == [0, 0, 0]
        assert_nothing_lost(made, besides=gone)
        assert set(made.relay.counters().drops) == {DropReason.HINT_INVALID}


def test_a_session_that_restarted_ice_under_the_new_key_outlives_the_old_one():
    """C22, C18: the flow was made under the old key; the session's ufrag, and so its checks, are of the new one."""
    with decisions() as workers:
        workers.route_to(INTERNAL, ring(1, 2))
        workers.up(request(ufrag(FIRST, ring(1)) + ":peer"))
        workers.down(DTLS)
        restarted = request(ufrag(FIRST, ring(1, 2)) + ":peer")
        workers.up(restarted)
        workers.route_to(INTERNAL, ring(2))
        assert workers.up(RTP) == [(RTP, INTERNAL[FIRST])]
        assert workers.down(RTP) == [(RTP, CLIENT)]
        workers.now_ms += 30_000  # the embryonic flow has gone: the confirmed one has the new hint
        workers.down(RTP)
        assert workers.up(RTP) == [(RTP, INTERNAL[FIRST])]


def test_another_session_of_the_transceiver_does_not_take_over_while_the_key_is_there():
    """T12: a request in the client's name, under another key, is routed and changes nothing."""
    with decisions() as workers:
        both = ring(1, 2)
        workers.route_to(INTERNAL, both)
        own = ufrag(FIRST, ring(1))
        workers.up(request(own + ":peer"))
        workers.down(DTLS)
        workers.up(request(ufrag(FIRST, both) + ":peer"))
        workers.down(DTLS)
        held = RelayFlows(workers.native).scan(0, 0, workers.now_ms, 1 << 20)[1]
        assert [flow.hint for flow in held] == [both.native.open(own.encode()).raw]
        workers.route_to(INTERNAL, ring(1))
        assert workers.up(RTP) == [(RTP, INTERNAL[FIRST])]


CONFIG = """
[relay]
listen = "127.0.0.1:0"
upstream = "127.0.0.1:0"
directory = "directory.toml"
workers = 1
confirmed_flows = 1024
allow_client_networks = ["127.0.0.0/8"]
[hint_keys]
file = "keys.toml"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "relay.toml").write_text(CONFIG)
    write_keys(tmp_path, 1)
    return tmp_path / "relay.toml"


def write_keys(folder: Path, *key_ids: int) -> None:
    lines = [f'{key_id} = "{SECRETS[key_id].hex()}"\n' for key_id in key_ids]
    (folder / "keys.toml").write_text("[secrets]\n" + "".join(lines))


def hang_up(relay: Running) -> str:
    relay.process.send_signal(signal.SIGHUP)
    event: str = json.loads(relay.next_log())["event"]
    return event


def test_an_operator_rotates_three_times_by_editing_a_file(config: Path):
    """C22, with the command: add, reload, mint, remove, reload; a key file that cannot be read changes nothing."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as transceiver,
    ):
        transceiver.bind(("127.0.0.1", 0))
        for sock in (client, transceiver):
            sock.settimeout(10)
        entry = f'[[transceiver]]\ncluster = 1\nid = 1\naddress = "127.0.0.1:{transceiver.getsockname()[1]}"\n'
        (config.parent / "directory.toml").write_text(entry)
        with running("relay", "--config", config) as relay:
            json.loads(relay.next_log())  # that loopback clients are admitted
            public = relay.address("listen")

            def arrives(datagram: bytes) -> None:
                client.sendto(datagram, (public.host, public.port))
                received, via = transceiver.recvfrom(2048)
                assert received[spp.SIZE :] == datagram
                transceiver.sendto(received[: spp.SIZE] + DTLS, via)
                assert client.recv(2048) == DTLS

            for old, new in ((1, 2), (2, 3), (3, 4)):
                arrives(request(ufrag(FIRST, ring(old)) + ":peer"))
                write_keys(config.parent, old, new)
                assert hang_up(relay) == "reloaded"
                arrives(RTP)
                arrives(request(ufrag(FIRST, ring(new)) + ":peer"))
                (config.parent / "keys.toml").write_text("[secrets")
                assert hang_up(relay) == "reload_failed"
                arrives(request(ufrag(FIRST, ring(old)) + ":peer"))
                write_keys(config.parent, new)
                assert hang_up(relay) == "reloaded"
            client.sendto(request(ufrag(FIRST, ring(1)) + ":peer"), (public.host, public.port))
            arrives(request(ufrag(FIRST, ring(4)) + ":peer"))  # and not the one before it
            assert relay.stop()[0] == 0
