"""Configuration files, environment and flags: what they become, and how each mistake is named."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Any

import pytest

from rtcsplit.cli.config import RelayConfig, TransceiverConfig
from rtcsplit.cli.config.shared import RedisSection
from rtcsplit.cli.decode import decode
from rtcsplit.cli.effective import effective_toml
from rtcsplit.cli.sources import overrides_of_environment, overrides_of_flags, read_toml, tomllib, with_overrides
from rtcsplit.errors import ConfigurationError
from rtcsplit.session.keying import SrtpProfile
from rtcsplit.wire.address import Address

HERE = Path("/etc/rtcsplit")

RELAY = """
[relay]
listen = "0.0.0.0:3478"
upstream = "10.0.0.5:40000"
directory = "directory.toml"
workers = 2
[hint_keys]
mint = 1
secrets.1 = "00"
"""

TRANSCEIVER = """
[transceiver]
cluster = 1
id = 2
listen = "10.0.0.9:5000"
advertise = ["203.0.113.10:3478"]
relay_networks = ["10.0.0.0/8"]
[hint_keys]
file = "keys.toml"
[signaling]
tokens = ["abc"]
"""

DIRECT = """
[transceiver]
listen = "192.0.2.1:5000"
mode = "direct"
[signaling]
allow_anonymous = true
"""


def relay(text: str, environment: dict[str, str] | None = None, flags: tuple[str, ...] = ()) -> RelayConfig:
    tree = with_overrides(tomllib.loads(text), overrides_of_environment(environment or {}) | overrides_of_flags(flags))
    return decode(tree, RelayConfig, HERE, ignored=("transceiver", "signaling"))


def transceiver(text: str) -> TransceiverConfig:
    return decode(tomllib.loads(text), TransceiverConfig, HERE)


def test_relay_file_becomes_values_with_defaults() -> None:
    config = relay(RELAY)
    assert config.relay.listen == Address.of("0.0.0.0", 3478)
    assert config.relay.upstream == Address.of("10.0.0.5", 40000)
    assert config.relay.directory == HERE / "directory.toml"
    assert (config.relay.workers, config.relay.confirmed_flows, config.relay.receive_buffer_bytes) == (
        2,
        131072,
        4194304,
    )
    assert config.admin is None


def test_workers_default_to_the_cpus_this_process_may_use() -> None:
    assert relay(RELAY.replace("workers = 2", "")).relay.workers == len(os.sched_getaffinity(0))


def test_transceiver_file_becomes_values_with_defaults() -> None:
    config = transceiver(TRANSCEIVER)
    assert config.transceiver.advertise == (Address.of("203.0.113.10", 3478),)
    assert config.transceiver.relay_networks == (ipaddress.ip_network("10.0.0.0/8"),)
    assert config.transceiver.srtp_profiles[0] is SrtpProfile.AEAD_AES_128_GCM
    assert config.signaling.listen == Address.of("0.0.0.0", 8080)
    assert config.hint_keys is not None
    assert config.hint_keys.file == HERE / "keys.toml"


def test_direct_mode_needs_neither_ids_nor_keys_nor_relays() -> None:
    assert transceiver(DIRECT).hint_keys is None


def test_environment_wins_over_the_file_and_flags_over_both() -> None:
    environment = {"RTCSPLIT_RELAY__WORKERS": "3", "RTCSPLIT_RELAY__CONFIRMED_FLOWS": "2048"}
    config = relay(RELAY, environment, ("relay.workers=4",))
    assert (config.relay.workers, config.relay.confirmed_flows) == (4, 2048)


def test_environment_reaches_lists_and_tables() -> None:
    environment = {
        "RTCSPLIT_RELAY__ALLOW_CLIENT_NETWORKS": "127.0.0.0/8, ::1/128",
        "RTCSPLIT_HINT_KEYS__SECRETS__2": "ff",
        "RTCSPLIT_ADMIN__LISTEN": "127.0.0.1:9464",
    }
    config = relay(RELAY, environment)
    assert config.relay.allow_client_networks == (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    assert config.hint_keys.secrets == {"1": "00", "2": "ff"}
    assert config.admin is not None


def test_line_end_of_a_secret_s_file_is_no_part_of_it() -> None:
    assert relay(RELAY, {"RTCSPLIT_REDIS__URL": "redis://10.0.0.2\n"}).redis == RedisSection(url="redis://10.0.0.2")


def test_empty_text_empties_a_list() -> None:
    text = RELAY.replace("workers = 2", 'allow_client_networks = ["10.0.0.0/8"]')
    assert relay(text, {"RTCSPLIT_RELAY__ALLOW_CLIENT_NETWORKS": ""}).relay.allow_client_networks == ()


def test_variables_of_an_orchestrator_and_of_the_other_command_are_left_alone() -> None:
    """Kubernetes sets RTCSPLIT_RELAY_PORT where there is a service of that name."""
    theirs = {"RTCSPLIT_RELAY_PORT": "udp://10.0.0.1:3478", "RTCSPLIT_TRANSCEIVER__ID": "7"}
    assert relay(RELAY, theirs) == relay(RELAY)
    assert relay(RELAY, {**theirs, "RTCSPLIT_RELAY__WORKERS": "3"}) != relay(RELAY)


RELAY_MISTAKES: dict[str, tuple[str, str, str, object]] = {
    # name: (old text, new text, key, value)
    "unknown key": ("workers", "workres", "relay.workres", 2),
    "unknown key beside secrets": ("secrets.1", "secret", "hint_keys.secret", "(hidden)"),
    "unknown section": ("[hint_keys]", "[hintkeys]", "hintkeys", "(hidden)"),
    "section of the other command in the file": ("[relay]", "[signaling]\n[relay]", "signaling", "(hidden)"),
    "section that is no table": ("[relay]", "relay = 1\n[x]", "x", "(hidden)"),
    "missing section": (RELAY, "", "relay.upstream", None),
    "nobody to serve": ('listen = "0.0.0.0:3478"', "", "relay.listen", None),
    "missing key": ('upstream = "10.0.0.5:40000"', "", "relay.upstream", None),
    "wrong type": ("workers = 2", 'workers = "2"', "relay.workers", "2"),
    "true for a number": ("workers = 2", "workers = true", "relay.workers", True),
    "out of range": ("workers = 2", "workers = 0", "relay.workers", 0),
    "address that is a number": ('listen = "0.0.0.0:3478"', "listen = 3478", "relay.listen", 3478),
    "address without a port": ("0.0.0.0:3478", "0.0.0.0", "relay.listen", "0.0.0.0"),
    "address that is a name": ("0.0.0.0:3478", "localhost:3478", "relay.listen", "localhost:3478"),
    "port too high": ("0.0.0.0:3478", "0.0.0.0:65536", "relay.listen", "0.0.0.0:65536"),
    "IPv6 without brackets": ("0.0.0.0:3478", "::1:3478", "relay.listen", "::1:3478"),
    "network with host bits": (
        "workers = 2",
        'allow_client_networks = ["10.0.0.0/8", "10.0.0.1/8"]',
        "relay.allow_client_networks",
        "10.0.0.1/8",
    ),
    "one network instead of a list": (
        "workers = 2",
        'allow_client_networks = "10.0.0.0/8"',
        "relay.allow_client_networks",
        "10.0.0.0/8",
    ),
    "empty path": ('"directory.toml"', '""', "relay.directory", ""),
    "relays without their networks": (
        'upstream = "10.0.0.5:40000"',
        'upstream = "10.0.0.5:40000"\nrelay_listen = "10.0.0.5:4000"',
        "relay.relay_networks",
        [],
    ),
    "relay networks without relays": (
        'upstream = "10.0.0.5:40000"',
        'upstream = "10.0.0.5:40000"\nrelay_networks = ["10.0.0.0/8"]',
        "relay.relay_networks",
        ["10.0.0.0/8"],
    ),
    "relay of a cluster at a wildcard": (
        'upstream = "10.0.0.5:40000"',
        'upstream = "10.0.0.5:40000"\nrelay_listen = "0.0.0.0:4000"\nrelay_networks = ["10.0.0.0/8"]\ncluster = 1',
        "relay.relay_announce",
        None,
    ),
    "dns without names": ("[hint_keys]", "[directory_dns]\n[hint_keys]", "directory_dns.name", None),
    "dns name without a port": (
        "[hint_keys]",
        '[directory_dns]\nname = "rtc-{ordinal}.example"\ncluster = 1\n[hint_keys]',
        "directory_dns.port",
        None,
    ),
    "dns relays without a port": (
        "[hint_keys]",
        '[directory_dns]\nrelays.2 = "relays.example"\n[hint_keys]',
        "directory_dns.relays.2",
        "relays.example",
    ),
    "dns relays of no cluster": (
        "[hint_keys]",
        '[directory_dns]\nrelays.two = "relays.example:4000"\n[hint_keys]',
        "directory_dns.relays.two",
        "relays.example:4000",
    ),
    "relays at an upstream port": (
        'upstream = "10.0.0.5:40000"',
        'upstream = "10.0.0.5:40000"\nrelay_listen = "10.0.0.5:40001"\nrelay_networks = ["10.0.0.0/8"]',
        "relay.upstream",
        "10.0.0.5:40000",
    ),
    "upstream ports beyond 65535": ("10.0.0.5:40000", "10.0.0.5:65535", "relay.upstream", "10.0.0.5:65535"),
    "upstream port that is the public one": ("10.0.0.5:40000", "10.0.0.5:3477", "relay.upstream", "10.0.0.5:3477"),
    "minting id out of range": ("mint = 1", "mint = 16", "hint_keys.mint", 16),
    "keys twice": ("mint = 1", 'mint = 1\nfile = "x"', "hint_keys.file", str(HERE / "x")),
    "secret of a wrong type": ('"00"', "7", "hint_keys.secrets", "(hidden)"),
}


@pytest.mark.parametrize(("old", "new", "key", "value"), RELAY_MISTAKES.values(), ids=RELAY_MISTAKES)
def test_relay_mistake_names_key_value_and_expectation(old: str, new: str, key: str, value: object) -> None:
    assert old in RELAY
    assert_refused(lambda: relay(RELAY.replace(old, new)), key, value)


TRANSCEIVER_MISTAKES: dict[str, tuple[str, str, str, object]] = {
    "relay mode without advertise": ('advertise = ["203.0.113.10:3478"]', "", "transceiver.advertise", None),
    "wildcard advertised": ("203.0.113.10:3478", "0.0.0.0:3478", "transceiver.advertise", "0.0.0.0:3478"),
    "port 0 advertised": ("203.0.113.10:3478", "203.0.113.10:0", "transceiver.advertise", "203.0.113.10:0"),
    "relay mode without relay networks": (
        'relay_networks = ["10.0.0.0/8"]',
        "",
        "transceiver.relay_networks",
        None,
    ),
    "relay mode without keys": ('[hint_keys]\nfile = "keys.toml"', "", "hint_keys.mint", None),
    "relay mode without id": ("id = 2", "", "transceiver.id", None),
    "id out of range": ("id = 2", "id = 65536", "transceiver.id", 65536),
    "direct mode with relay networks": (
        "cluster = 1",
        'cluster = 1\nmode = "direct"',
        "transceiver.relay_networks",
        ["10.0.0.0/8"],
    ),
    "unknown mode": ("cluster = 1", 'cluster = 1\nmode = "proxy"', "transceiver.mode", "proxy"),
    "unknown application": ("cluster = 1", 'cluster = 1\napplication = "bot"', "transceiver.application", "bot"),
    "unknown profile": (
        "cluster = 1",
        'cluster = 1\nsrtp_profiles = ["AES128_CM_HMAC_SHA1_32"]',
        "transceiver.srtp_profiles",
        "AES128_CM_HMAC_SHA1_32",
    ),
    "no profile": ("cluster = 1", "cluster = 1\nsrtp_profiles = []", "transceiver.srtp_profiles", []),
    "nobody may call": ('tokens = ["abc"]', "", "signaling.tokens", None),
    "token that no header carries": ('"abc"', '"a b"', "signaling.tokens", "(hidden)"),
    "empty token": ('"abc"', '""', "signaling.tokens", "(hidden)"),
    "token with a line's end": ('"abc"', '"abc\\n"', "signaling.tokens", "(hidden)"),
    "section that is a list": ("[hint_keys]", "[[hint_keys]]", "hint_keys", "(hidden)"),
    "tokens in another section": ("id = 2", 'id = 2\ntokens = ["abc"]', "transceiver.tokens", "(hidden)"),
    "token without a section": ("[transceiver]", 'token = "abc"\n[transceiver]', "token", "(hidden)"),
    "path with a slash at its end": ("tokens =", 'whip_path = "/whip/"\ntokens =', "signaling.whip_path", "/whip/"),
}


@pytest.mark.parametrize(("old", "new", "key", "value"), TRANSCEIVER_MISTAKES.values(), ids=TRANSCEIVER_MISTAKES)
def test_transceiver_mistake_names_key_value_and_expectation(old: str, new: str, key: str, value: object) -> None:
    assert old in TRANSCEIVER
    assert_refused(lambda: transceiver(TRANSCEIVER.replace(old, new)), key, value)


ORIGINS = {
    "any": ("*", True),
    "of a page": ("https://example.org", True),
    "with a port": ("http://localhost:8000", True),
    "of an app": ("capacitor://localhost", True),
    "of pages without one": ("null", True),
    "IPv6": ("http://[::1]:8000", True),
    "no scheme": ("example.org", False),
    "slash at its end": ("https://example.org/", False),
    "path": ("https://example.org/app", False),
    "upper case": ("https://Example.org", False),
    "port that browsers leave out": ("https://example.org:443", False),
    "port that is none": ("https://example.org:x", False),
    "pattern": ("https://*.example.org", False),
    "beyond ASCII": ("https://bücher.example", False),
    "empty": ("", False),
}


@pytest.mark.parametrize(("origin", "is_one"), ORIGINS.values(), ids=ORIGINS)
def test_origin_is_what_a_browser_sends(origin: str, is_one: bool) -> None:
    """Any other never matches."""
    text = TRANSCEIVER.replace("tokens", f'cors_origins = ["{origin}"]\ntokens')
    if is_one:
        assert transceiver(text).signaling.cors_origins == (origin,)
    else:
        assert_refused(lambda: transceiver(text), "signaling.cors_origins", origin)


def test_direct_mode_on_a_wildcard_needs_an_address_to_advertise() -> None:
    text = DIRECT.replace("192.0.2.1", "0.0.0.0")
    assert_refused(lambda: transceiver(text), "transceiver.advertise", None)


ENVIRONMENT_MISTAKES: dict[str, tuple[str, str, str, object]] = {
    "wrong number": ("RTCSPLIT_RELAY__WORKERS", "many", "relay.workers", "many"),
    "unknown key": ("RTCSPLIT_RELAY__WORKRES", "2", "relay.workres", "2"),
    "unknown section": ("RTCSPLIT_RELYA__WORKERS", "2", "relya", "(hidden)"),
    "key below a value": ("RTCSPLIT_RELAY__WORKERS__MAX", "2", "relay.workers.max", "(hidden)"),
    "bad item": ("RTCSPLIT_RELAY__ALLOW_CLIENT_NETWORKS", "::1/128,x", "relay.allow_client_networks", "x"),
}


@pytest.mark.parametrize(("name", "text", "key", "value"), ENVIRONMENT_MISTAKES.values(), ids=ENVIRONMENT_MISTAKES)
def test_mistake_in_the_environment_is_named_like_one_in_the_file(
    name: str, text: str, key: str, value: object
) -> None:
    assert_refused(lambda: relay(RELAY, {name: text}), key, value)


@pytest.mark.parametrize(
    "name", ["RTCSPLIT_RELAY__WORKERS", "RTCSPLIT_RELAY__WORKRES", "RTCSPLIT_RELYA__WORKERS", "RTCSPLIT_RELYA__A__B"]
)
def test_error_says_which_variable_or_flag_it_came_from(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        relay(RELAY, {name: "many"})
    assert f"({name})" in caught.value.expected
    with pytest.raises(ConfigurationError) as caught:
        relay(RELAY, flags=("relay.workers=many",))
    assert "--set relay.workers" in caught.value.expected


@pytest.mark.parametrize("flag", ["relay.workers", "workers=2", ""])
def test_flag_without_a_key_or_a_value_is_refused(flag: str) -> None:
    assert_refused(lambda: relay(RELAY, flags=(flag,)), "--set", flag)


@pytest.mark.parametrize(
    "content",
    [b"[relay", b"\xff\xfe", b"a = 1\na = 2", b"a = " + b"[" * 20_000, None],
    ids=["syntax", "utf8", "twice", "deep", "absent"],
)
def test_unreadable_file_is_named_by_the_setting_that_named_it(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "relay.toml"
    if content is not None:
        path.write_bytes(content)
    assert_refused(lambda: read_toml("--config", path), "--config", str(path))


def test_directory_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    assert_refused(lambda: read_toml("--config", tmp_path), "--config", str(tmp_path))


@pytest.mark.parametrize("text", [RELAY, TRANSCEIVER, DIRECT], ids=["relay", "transceiver", "direct"])
def test_effective_configuration_reads_back_as_the_same_one_but_for_secrets(text: str) -> None:
    shape: type[Any] = RelayConfig if "[relay]" in text else TransceiverConfig
    config = decode(tomllib.loads(text), shape, HERE)
    printed = effective_toml(config)
    for hidden, shown in (('"(hidden)"', '"00"'), ('["00"]', '["abc"]')):
        printed = printed.replace(hidden, shown)
    assert decode(tomllib.loads(printed), shape, HERE) == config


def test_effective_configuration_shows_no_secret() -> None:
    assert "abc" not in effective_toml(transceiver(TRANSCEIVER))
    assert '"00"' not in effective_toml(relay(RELAY))


def assert_refused(attempt: Any, key: str, value: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        attempt()
    assert (caught.value.key, caught.value.value) == (key, value)
    assert caught.value.expected
