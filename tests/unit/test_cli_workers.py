"""``--workers``: several processes behind one signaling port, each with calls of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from rtcsplit.cli.worker_child import WorkerChild
from rtcsplit.routing.hint import RoutingKeys
from tests.cli_transceiver import ADMIN, HINT_KEYS, SECRET, SIGNALING, TRANSCEIVER
from tests.desk import attribute
from tests.offers import OFFER
from tests.processes import Running, children, rtcsplit, running

WORKERS = 2
TOKEN = {"authorization": "Bearer token"}
OTHER = bytes(range(32, 64))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "transceiver.toml"
    path.write_text(TRANSCEIVER + HINT_KEYS + SIGNALING + ADMIN)
    return path


class Client:
    """Of one running command."""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def __init__(self, process: Running) -> None:
        self.http = httpx.Client(base_url=f"http://{process.address('signaling')}", headers=TOKEN, trust_env=False)
        self.admin = f"http://{process.address('admin')}"

    def call(self) -> httpx.Response:
        return self.http.post("/whip", content=OFFER, headers={"content-type": "application/sdp"})

    def calls(self, count: int) -> list[tuple[str, int]]:
        """The location and the transceiver id of new calls."""
        answers = [self.call() for _ in range(count)]
        assert {answer.status_code for answer in answers} == {201}
        return [(answer.headers["location"], transceiver_of(answer.text)) for answer in answers]

    def sessions(self) -> dict[str, float]:
        """Living sessions by worker."""
        found: dict[str, float] = {}
        for line in httpx.get(f"{self.admin}/metrics", trust_env=False).text.splitlines():
            if line.startswith("rtcsplit_sessions{"):
                worker = line.partition('worker="')[2].partition('"')[0]
                found[worker] = found.get(worker, 0.0) + float(line.rpartition(" ")[2])
        return found


def transceiver_of(answer: str, *secrets: bytes) -> int:
    opened = RoutingKeys(dict(enumerate(secrets or (SECRET,), 1))).open(attribute(answer, "ice-ufrag"))
    assert opened is not None
    return opened.route.transceiver


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def events(log: str) -> list[str]:
    return [json.loads(line)["event"] for line in log.splitlines()]


def test_calls_are_spread_and_requests_find_theirs(config: Path) -> None:
    """Each worker has an id of its own; one connection carries requests for all of them."""
    with running("transceiver", "--config", config, "--workers", WORKERS) as process, Client(process) as client:
        assert len(process.addresses["listen"].split(",")) == WORKERS
        calls = client.calls(8)
        ids = [transceiver for _, transceiver in calls]
        assert {2, 3} == set(ids)
        assert 2 <= ids.count(2) <= 6
        assert client.sessions() == {"0": ids.count(2), "1": ids.count(3)}
        assert httpx.get(f"{client.admin}/readyz", trust_env=False).status_code == 200
        statuses = [client.http.delete(location).status_code for location, _ in calls for _ in range(2)]
        assert statuses == [200, 404] * 8
        assert client.sessions() == {"0": 0.0, "1": 0.0}
        status, log = process.stop()
    assert status == 0
    assert events(log) == ["session_ended"] * 8


@pytest.mark.parametrize("reports", [(0, 1, 1), (1, 1, 1)], ids=["crossed", "in time"])
async def test_a_call_is_counted_once_whether_its_worker_knows_of_it_or_not(reports: tuple[int, ...]) -> None:
    """A report may have been on its way when the request came; the next one knows of it."""
    program = [sys.executable, "-c", "import time; time.sleep(60)"]
    worker = await WorkerChild.start(program, [], lambda child: None)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert worker.hand_over(b"POST /whip HTTP/1.1\r\n\r\n", theirs, is_new=True)
        loads = []
        for calls in reports:
            worker.received(b"load %d" % calls, [])
            loads.append(worker.load)
        worker.received(b"load 0", [])
    await worker.kill()
    assert loads == [1, 1, 1]
    assert worker.load == 0


def test_a_worker_that_crashes_takes_its_calls_and_comes_back(config: Path) -> None:
    with running("transceiver", "--config", config, "--workers", WORKERS) as process, Client(process) as client:
        calls = client.calls(4)
        first = children(process.process.pid)[0]
        os.kill(first, signal.SIGKILL)
        log = json.loads(process.next_log())
        assert (log["event"], log["worker"], log["pid"], log["status"]) == ("worker_ended", 0, first, -signal.SIGKILL)
        assert json.loads(process.next_log())["event"] == "worker_restarted"
        statuses = {client.http.delete(location).status_code for location, id_ in calls if id_ == 2}
        assert statuses == {404}
        assert {client.http.delete(location).status_code for location, id_ in calls if id_ == 3} == {200}
        assert {id_ for _, id_ in client.calls(4)} == {2, 3}
        assert process.stop()[0] == 0


def test_sigterm_lets_calls_end_by_themselves(config: Path) -> None:
    """I11, of all workers: no new calls, the end with the last one."""
    flags = ("--workers", WORKERS, "--set", "transceiver.drain_seconds=60")
    with running("transceiver", "--config", config, *flags) as process, Client(process) as client:
        calls = client.calls(3)
        process.process.send_signal(signal.SIGTERM)
        assert {json.loads(process.next_log())["event"] for _ in range(WORKERS)} == {"drain_started"}
        assert httpx.get(f"{client.admin}/readyz", trust_env=False).status_code == 503
        assert client.call().status_code == 503
        assert {client.http.delete(location).status_code for location, _ in calls} == {200}
        assert process.process.wait(timeout=20) == 0
        assert sorted(events(process.stderr())) == ["drain_ended"] * 2 + ["session_ended"] * 3


def test_sigusr1_takes_a_drain_back(config: Path) -> None:
    """T29: a worker without calls ended at once and is there again, the other one goes on with its call."""
    flags = ("--workers", WORKERS, "--set", "transceiver.drain_seconds=600")
    with running("transceiver", "--config", config, *flags) as process, Client(process) as client:
        (location, busy), (other, idle) = client.calls(2)
        assert {busy, idle} == {2, 3}
        assert client.http.delete(other).status_code == 200
        assert json.loads(process.next_log())["event"] == "session_ended"
        before = children(process.process.pid)
        process.process.send_signal(signal.SIGTERM)
        assert json.loads(process.next_log())["event"] == "drain_started"
        until(lambda: len(children(process.process.pid)) == 1)
        assert httpx.get(f"{client.admin}/readyz", trust_env=False).status_code == 503
        process.process.send_signal(signal.SIGUSR1)
        assert {json.loads(process.next_log())["event"] for _ in range(2)} == {"drain_ended", "worker_restarted"}
        assert httpx.get(f"{client.admin}/readyz", trust_env=False).status_code == 200
        assert len(set(children(process.process.pid)) & set(before)) == 1
        assert {id_ for _, id_ in client.calls(4)} == {2, 3}
        assert client.http.delete(location).status_code == 200
        assert process.stop(signal.SIGINT)[0] == 0


def test_workers_end_with_the_process_that_started_them(config: Path) -> None:
    with running("transceiver", "--config", config, "--workers", WORKERS) as process:
        workers = children(process.process.pid)
        assert len(workers) == WORKERS
        process.process.kill()
        until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def test_a_second_sigterm_ends_a_drain_at_once(config: Path) -> None:
    flags = ("--workers", WORKERS, "--set", "transceiver.drain_seconds=600")
    with running("transceiver", "--config", config, *flags) as process, Client(process) as client:
        client.calls(2)
        process.process.send_signal(signal.SIGTERM)
        assert json.loads(process.next_log())["event"] == "drain_started"
        assert process.stop()[0] == -signal.SIGTERM


@pytest.mark.parametrize("workers", [1, WORKERS])
def test_sighup_changes_keys_and_limits_of_all(config: Path, workers: int) -> None:
    """C22: the ring that mints is another one from then on; calls that live stay what they are."""
    with running("transceiver", "--config", config, "--workers", workers) as process, Client(process) as client:
        before = client.calls(2)
        text = (
            config.read_text()
            .replace("mint = 1", "mint = 2")
            .replace("receive_buffer_bytes", "max_sessions = 3\nreceive_buffer_bytes")
        )
        config.write_text(text.replace("secrets.1", f'secrets.2 = "{OTHER.hex()}"\nsecrets.1'))
        process.process.send_signal(signal.SIGHUP)
        assert [json.loads(process.next_log())["event"] for _ in range(workers)] == ["reloaded"] * workers
        more = [client.call() for _ in range(4 * workers)]
        made = [answer for answer in more if answer.status_code == 201]
        assert len(made) == 3 * workers - len(before)
        assert {answer.status_code for answer in more if answer not in made} == {503}
        assert {transceiver_of(answer.text, b"\0" * 32, OTHER) for answer in made} <= {2, 3}
        assert {client.http.delete(location).status_code for location, _ in before} == {200}
        config.write_text("[transceiver]\n")
        process.process.send_signal(signal.SIGHUP)
        logs = [json.loads(process.next_log()) for _ in range(len(before) + workers)]
        assert sum(line["event"] == "reload_failed" for line in logs) == workers
        assert client.http.delete(made[0].headers["location"]).status_code == 200
        assert process.stop()[0] == 0


def test_heads_that_are_no_request_are_refused(config: Path) -> None:
    """I9: garbage and long heads get 400, half a head gets nothing; none of them is logged."""
    with running("transceiver", "--config", config, "--workers", WORKERS) as process:
        where = process.address("signaling")
        for octets in (b"\x16\x03\x01 this is no HTTP\r\n\r\n", b"GET /" + b"a" * 9000):
            with socket.create_connection((where.host, where.port), timeout=10) as client:
                client.sendall(octets)
                assert b" 400 " in client.recv(4096)
        with socket.create_connection((where.host, where.port), timeout=10) as client:
            client.sendall(b"POST /wh")
            client.shutdown(socket.SHUT_WR)
            assert client.recv(4096) == b""
        assert process.stop() == (0, "")


MISTAKES = {
    "port in use": ("signaling.listen", []),
    "too many ids": ("transceiver.id", ["transceiver.id=65535"]),
    "too many ports": ("transceiver.listen", ["transceiver.listen=127.0.0.1:65535"]),
    "no minting key": ("hint_keys.mint", ["hint_keys.mint=3"]),
}


@pytest.mark.parametrize(("key", "flags"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_one_line_with_its_key(config: Path, key: str, flags: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        flags = flags or [f"signaling.listen=127.0.0.1:{other.getsockname()[1]}"]
        settings = [word for flag in flags for word in ("--set", flag)]
        result = rtcsplit("transceiver", "--config", config, "--workers", WORKERS, *settings)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"rtcsplit: {key} = ")


def test_port_of_a_worker_in_use_ends_the_start(config: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        taken = other.getsockname()[1]
        flags = ("--workers", WORKERS, "--set", f"transceiver.listen=127.0.0.1:{taken}")
        result = rtcsplit("transceiver", "--config", config, *flags)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("rtcsplit: transceiver.listen = ")


def test_direct_mode_gives_each_worker_its_own_candidate(config: Path) -> None:
    config.write_text('[transceiver]\nlisten = "127.0.0.1:0"\nmode = "direct"\ndrain_seconds = 0\n' + SIGNALING + ADMIN)
    with running("transceiver", "--config", config, "--workers", WORKERS) as process, Client(process) as client:
        candidates = {attribute(client.call().text, "candidate").split()[5] for _ in range(4)}
        assert candidates == {address.rpartition(":")[2] for address in process.addresses["listen"].split(",")}
        assert process.stop()[0] == 0
