"""``rtcsplit relay``: it starts, says where, reloads and stops; or it refuses with one line and a status."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from rtcsplit.cli.main import main
from rtcsplit.wire import spp
from tests.cli_relay import ADMIN, HINT_KEYS, RELAY, SECRET, binding_request, directory_entry
from tests.processes import Running, rtcsplit, running


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "directory.toml").write_text("")
    path = tmp_path / "relay.toml"
    path.write_text(RELAY + HINT_KEYS + ADMIN)
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_runs_until_it_is_told_to_stop(config: Path, number: signal.Signals) -> None:
    with running("relay", "--config", config) as relay:
        assert relay.address("listen").port != 0
        admin = f"http://{relay.address('admin')}"
        assert httpx.get(f"{admin}/livez").status_code == 200
        assert httpx.get(f"{admin}/readyz").status_code == 200
        metrics = httpx.get(f"{admin}/metrics").text
        assert "rtcsplit_relay_datagrams_total" in metrics
        assert metrics.count("\nrtcsplit_build_info{") == 1
        status, errors = relay.stop(number)
    assert (status, errors) == (0, "")


def test_each_worker_has_its_upstream_port(config: Path) -> None:
    with running("relay", "--config", config, "--set", "relay.workers=2") as relay:
        assert len(relay.addresses["upstream"].split(",")) == 2
        assert relay.stop()[0] == 0


def test_without_an_admin_section_there_is_no_admin_port(config: Path) -> None:
    config.write_text(RELAY + HINT_KEYS)
    with running("relay", "--config", config) as relay:
        assert relay.addresses["admin"] == "none"
        assert relay.stop()[0] == 0


def test_admitted_networks_are_logged(config: Path) -> None:
    """A11: whoever re-admits clients that are denied by default reads it in the log."""
    with running("relay", "--config", config, "--set", "relay.allow_client_networks=127.0.0.0/8") as relay:
        status, log = relay.stop()
    assert status == 0
    assert [(line["event"], line["network"]) for line in map(json.loads, log.splitlines())] == [
        ("client_network_admitted", "127.0.0.0/8")
    ]


def test_hangup_reads_the_directory_again_and_keeps_the_old_one_if_it_cannot(config: Path) -> None:
    directory = config.parent / "directory.toml"
    with (
        running("relay", "--config", config) as relay,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as transceiver,
    ):
        transceiver.bind(("127.0.0.1", 0))
        transceiver.settimeout(10)
        public = relay.address("listen")
        client.sendto(b"", (public.host, public.port))

        directory.write_text(directory_entry(transceiver.getsockname()))
        assert hang_up(relay)["event"] == "reloaded"
        client.sendto(binding_request(), (public.host, public.port))
        assert transceiver.recv(2048)[spp.SIZE :] == binding_request()

        directory.write_text('[[transceiver]]\ncluster = 1\nid = "two"\naddress = "127.0.0.1:9"\n')
        line = hang_up(relay)
        assert (line["event"], line["key"]) == ("reload_failed", "transceiver[0].id")
        client.sendto(binding_request(), (public.host, public.port))
        assert transceiver.recv(2048)[spp.SIZE :] == binding_request()
        assert relay.stop()[0] == 0


def test_hangup_reads_the_keys_again(config: Path) -> None:
    new = bytes(32)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as transceiver,
    ):
        transceiver.bind(("127.0.0.1", 0))
        transceiver.settimeout(10)
        (config.parent / "directory.toml").write_text(directory_entry(transceiver.getsockname()))
        with running("relay", "--config", config) as relay:
            public = relay.address("listen")
            config.write_text(config.read_text().replace("secrets.1", f'secrets.2 = "{new.hex()}"\nsecrets.1'))
            assert hang_up(relay)["event"] == "reloaded"
            for request in (binding_request(2, new), binding_request()):
                client.sendto(request, (public.host, public.port))
                assert transceiver.recv(2048)[spp.SIZE :] == request
            assert relay.stop()[0] == 0


def test_reload_names_what_needs_a_restart(config: Path) -> None:
    with running("relay", "--config", config) as relay:
        config.write_text(config.read_text().replace("confirmed_flows = 1024", "confirmed_flows = 2048"))
        line = hang_up(relay)
        assert (line["event"], line["keys"]) == ("restart_needed", ["relay.confirmed_flows"])
        assert json.loads(relay.next_log())["event"] == "reloaded"


def test_changed_directory_file_is_read_without_a_signal(config: Path) -> None:
    directory = config.parent / "directory.toml"
    with running("relay", "--config", config) as relay:
        directory.write_text(directory_entry(("10.0.0.1", 5000)))
        line = json.loads(relay.next_log())
        assert (line["event"], line["entries"], line["active"]) == ("directory_replaced", 1, 1)
        directory.write_text(directory_entry(("10.0.0.1", 0)))
        line = json.loads(relay.next_log())
        assert (line["event"], line["key"]) == ("directory_failed", "transceiver[0].address")
        metrics = httpx.get(f"http://{relay.address('admin')}/metrics").text
        assert 'rtcsplit_relay_directory_readings_total{outcome="failed"} 1.0' in metrics
        assert "rtcsplit_relay_routes 1.0" in metrics


def test_secret_is_not_in_the_log_of_a_failed_reload(config: Path) -> None:
    with running("relay", "--config", config) as relay:
        config.write_text(config.read_text().replace(SECRET.hex(), SECRET.hex() + "0"))
        line = hang_up(relay)
        assert line["key"] == "hint_keys.secrets.1"
        assert SECRET.hex()[:8] not in json.dumps(line)


def test_failed_reload_leaves_what_runs_and_is_in_the_metrics(config: Path) -> None:
    """Key, value and expectation in the log; keys, directory and what the relay routes stay as they were."""
    (config.parent / "directory.toml").write_text(directory_entry(("10.0.0.1", 5000)))
    right = config.read_text()
    wrong = {
        "hint_keys.file": right.replace(HINT_KEYS, '[hint_keys]\nfile = "nowhere.toml"\n'),
        "relay.transceiver_networks": right.replace("[hint_keys]", 'transceiver_networks = ["10.9"]\n[hint_keys]'),
        "relay.directory": right.replace("[hint_keys]", 'transceiver_networks = ["10.9.0.0/16"]\n[hint_keys]'),
        "relay.upstream": right.replace('upstream = "127.0.0.1:0"', 'upstream = "127.0.0.1:99999"'),
        "redis.url": right + '[redis]\nurl = "host:6379"\n',
    }
    with running("relay", "--config", config) as relay:
        for key, text in wrong.items():
            config.write_text(text)
            line = hang_up(relay)
            assert (line["event"], line["key"]) == ("reload_failed", key)
            assert line["value"] is not None
            assert line["expected"]
        (config.parent / "directory.toml").write_text(
            directory_entry(("10.0.0.1", 5000)) + directory_entry(("10.0.0.2", 5000))
        )
        config.write_text(right)
        line = hang_up(relay)
        assert (line["event"], line["key"]) == ("reload_failed", "transceiver")
        metrics = httpx.get(f"http://{relay.address('admin')}/metrics").text
        assert f'rtcsplit_relay_reloads_total{{outcome="failed"}} {len(wrong) + 1}.0' in metrics
        assert 'rtcsplit_relay_reloads_total{outcome="done"} 0.0' in metrics
        assert "rtcsplit_relay_routes 1.0" in metrics
        assert "rtcsplit_relay_hint_keys 1.0" in metrics


# The names that dashboards of the field's relays are made of; what only a transceiver has is not among them.
METRICS = """
    rtcsplit_build_info rtcsplit_relay_datagrams_total rtcsplit_relay_bytes_total rtcsplit_relay_classified_total
    rtcsplit_dropped_total rtcsplit_relay_flows rtcsplit_relay_flow_events_total rtcsplit_relay_routes
    rtcsplit_relay_hint_keys rtcsplit_socket_overflow_total rtcsplit_flow_cache_operations_total
    rtcsplit_flow_cache_seconds_bucket rtcsplit_loop_lag_seconds_bucket rtcsplit_draining rtcsplit_relay_reloads_total
    rtcsplit_relay_worker_cpu_seconds_total rtcsplit_relay_directory_readings_total process_cpu_seconds_total
"""


def test_every_metric_of_a_relay_is_exported_from_the_start(config: Path) -> None:
    config.write_text(config.read_text() + '[redis]\nurl = "redis://127.0.0.1:1/0"\n')
    with running("relay", "--config", config) as relay:
        metrics = httpx.get(f"http://{relay.address('admin')}/metrics").text
    names = {line.partition("{")[0].partition(" ")[0] for line in metrics.splitlines() if not line.startswith("#")}
    assert set(METRICS.split()) <= names
    assert 'rtcsplit_draining{role="relay"} 0.0' in metrics


def hang_up(relay: Running) -> dict[str, object]:
    """What the relay says to SIGHUP; it may notice a changed file by itself before."""
    relay.process.send_signal(signal.SIGHUP)
    while True:
        line: dict[str, object] = json.loads(relay.next_log())
        if not str(line["event"]).startswith("directory_"):
            return line


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("relay.listen", socket.SOCK_DGRAM),
        ("relay.upstream", socket.SOCK_DGRAM),
        ("admin.listen", socket.SOCK_STREAM),
    ],
)
def test_port_in_use_is_one_line_with_its_key(config: Path, key: str, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        result = rtcsplit("relay", "--config", config, "--set", f"{key}={taken}")
    assert_refused(result, 2, key)
    assert taken in result.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_second_relay_on_the_same_port_is_refused(config: Path, workers: int) -> None:
    """Workers share their port by SO_REUSEPORT; two relays must not."""
    flags = ("--set", f"relay.workers={workers}")
    with running("relay", "--config", config, *flags) as relay:
        same = ("--set", f"relay.listen={relay.addresses['listen']}")
        assert_refused(rtcsplit("relay", "--config", config, *flags, *same), 2, "relay.listen")


def test_check_prints_the_effective_configuration_and_binds_nothing(config: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        result = CliRunner().invoke(
            main, ["relay", "--check", "--config", str(config), "--set", f"relay.listen={taken}"]
        )
    assert (result.exit_code, result.stderr) == (0, "")
    assert f'listen = "{taken}"' in result.stdout
    assert SECRET.hex() not in result.stdout


MISTAKES = {
    "unknown key": ("workers", "workres", "relay.workres"),
    "bad address": ("127.0.0.1:0", "here:0", "relay.listen"),
    "unreadable directory": ("directory.toml", "nowhere.toml", "relay.directory"),
    "bad secret": (SECRET.hex(), SECRET.hex()[2:], "hint_keys.secrets.1"),
    "equal secrets": ("secrets.1", f'secrets.2 = "{SECRET.hex()}"\nsecrets.1', "hint_keys.secrets.1"),
    "no keys": (HINT_KEYS, "", "hint_keys.secrets"),
    "no directory": ('directory = "directory.toml"', "", "relay.directory"),
    "unknown source": ("[hint_keys]", 'directory_source = "etcd"\n[hint_keys]', "relay.directory_source"),
    "no redis": ("[hint_keys]", 'directory_source = "redis"\n[hint_keys]', "redis.url"),
    "no names": ("[hint_keys]", 'directory_source = "dns"\n[hint_keys]', "directory_dns.name"),
    "name without ordinal": (
        "[hint_keys]",
        '[directory_dns]\nname = "rtc.example"\nport = 1\ncluster = 1\n[hint_keys]',
        "directory_dns.name",
    ),
    "too many ordinals": (
        "[hint_keys]",
        '[directory_dns]\nname = "{ordinal}"\nport = 1\ncluster = 1\nfirst_id = 65535\ncount = 2\n[hint_keys]',
        "directory_dns.count",
    ),
    "unreadable key file": (HINT_KEYS, '[hint_keys]\nfile = "nowhere.toml"\n', "hint_keys.file"),
    "key file that is a folder": (HINT_KEYS, '[hint_keys]\nfile = "."\n', "hint_keys.file"),
    "overlapping addresses": (
        'listen = "127.0.0.1:0"\nupstream = "127.0.0.1:0"',
        'listen = "0.0.0.0:3478"\nupstream = "127.0.0.1:3478"',
        "relay.upstream",
    ),
    "redis url without a scheme": ("[hint_keys]", '[redis]\nurl = "10.0.0.2:6379"\n[hint_keys]', "redis.url"),
    "no secret to be announced with": (
        "[hint_keys]",
        'relay_listen = "127.0.0.1:0"\nrelay_networks = ["127.0.0.0/8"]\ncluster = 1\n'
        '[redis]\nurl = "redis://127.0.0.1:1"\n[hint_keys]',
        "hint_keys.mint",
    ),
    "no redis url": ("[hint_keys]", '[redis]\nurl = "http://host"\n[hint_keys]', "redis.url"),
}


@pytest.mark.parametrize(("old", "new", "key"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("flags", [[], ["--check"]], ids=["run", "check"])
def test_mistake_is_one_line_with_its_key(config: Path, old: str, new: str, key: str, flags: list[str]) -> None:
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))
    result = CliRunner().invoke(main, ["relay", "--config", str(config), *flags])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"rtcsplit: {key} = ")


def test_duplicate_ids_in_the_directory_are_refused(config: Path) -> None:
    directory = config.parent / "directory.toml"
    directory.write_text(directory_entry(("10.0.0.1", 5000)) + directory_entry(("10.0.0.2", 5000)))
    result = CliRunner().invoke(main, ["relay", "--config", str(config)])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("rtcsplit: transceiver = ")


def test_directory_outside_of_the_allowed_networks_is_refused(config: Path) -> None:
    (config.parent / "directory.toml").write_text(directory_entry(("192.0.2.1", 5000)))
    flags = ["--check", "--set", "relay.transceiver_networks=10.0.0.0/8,fd00::/8"]
    result = CliRunner().invoke(main, ["relay", "--config", str(config), *flags])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("rtcsplit: relay.directory = '192.0.2.1:5000'")
    assert "10.0.0.0/8" in result.stderr


def test_url_of_redis_is_not_printed(config: Path) -> None:
    flags = ["--check", "--set", "redis.url=redis://:password-of-redis@10.0.0.2/0"]
    result = CliRunner().invoke(main, ["relay", "--config", str(config), *flags])
    assert result.exit_code == 0
    assert 'url = "(hidden)"' in result.stdout
    assert "password-of-redis" not in result.output
    wrong = CliRunner().invoke(main, ["relay", "--config", str(config), "--set", "redis.url=http://password-of-redis"])
    assert (wrong.exit_code, "password-of-redis" in wrong.output) == (2, False)


REDIS = '[redis]\nurl = "redis://127.0.0.1:1"\n'
NAMES = '[directory_dns]\nname = "{ordinal}"\nport = 1\ncluster = 1\n'


@pytest.mark.parametrize(
    ("section", "source", "library"), [(REDIS, "redis", "redis"), (NAMES, "dns", "dns")], ids=["redis", "dns"]
)
@pytest.mark.parametrize("check", [(), ("--check",)], ids=["run", "check"])
def test_extra_of_a_section_is_needed_where_it_is_used(
    config: Path, section: str, source: str, library: str, check: tuple[str, ...]
) -> None:
    config.write_text(config.read_text() + section)
    flags = ("--set", f"relay.directory_source={source}", *check)
    result = rtcsplit("relay", "--config", config, *flags, without=library)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert f"rtcsplit[{source}]" in result.stderr


def test_missing_file_is_one_line(tmp_path: Path) -> None:
    assert_refused(rtcsplit("relay", "--config", tmp_path / "relay.toml"), 2, "--config")


def test_missing_extra_is_one_line_that_says_what_to_install(config: Path) -> None:
    result = rtcsplit("relay", "--config", config, without="prometheus_client")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "rtcsplit[metrics]" in result.stderr


def test_without_an_admin_port_the_extra_is_not_needed(config: Path) -> None:
    config.write_text(RELAY + HINT_KEYS)
    result = rtcsplit("relay", "--check", "--config", config, without="starlette")
    assert result.returncode == 0


def test_command_line_that_is_wrong_has_status_2() -> None:
    assert rtcsplit("relay").returncode == 2
    assert rtcsplit("rely").returncode == 2


def test_version() -> None:
    assert rtcsplit("--version").stdout.startswith("rtcsplit, version ")


def assert_refused(result: subprocess.CompletedProcess[str], status: int, key: str) -> None:
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (status, "", 1)
    assert result.stderr.startswith(f"rtcsplit: {key} = ")
