"""The configuration of ``rtcsplit relay``, ``transceiver`` and ``gateway``: every section, key, default and limit.

``docs/reference/configuration.md`` is this module for readers; a test holds the two together. A key's ``Meta`` says
what the key takes (``description``, which ends up in the error message), how its text becomes a value (``parse``),
and whether it is a secret that is never printed. Rules between keys are the ``__post_init__`` of whoever has both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from ..errors import ConfigurationError
from ..session.keying import SrtpProfile
from ..wire.address import Address
from . import values
from .values import Network

__all__ = [
    "AdminSection",
    "BackendSection",
    "DirectoryDnsSection",
    "GatewayConfig",
    "HintKeysSection",
    "RealtimeSection",
    "RedisSection",
    "RelayConfig",
    "RelaySection",
    "SignalingSection",
    "TransceiverConfig",
    "TransceiverSection",
]

MAX_WORKERS = 256

U16 = Annotated[int, Meta(ge=0, le=65535)]
Workers = Annotated[int, Meta(ge=1, le=MAX_WORKERS)]
Flows = Annotated[int, Meta(ge=1024, le=1 << 24)]
BufferBytes = Annotated[int, Meta(ge=65536, le=1 << 30)]
Token = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._~+/-]+=*$")]  # RFC 6750 section 2.1
Milliseconds = Annotated[int, Meta(ge=0, le=50)]
Microseconds = Annotated[int, Meta(ge=0, le=250)]
Mtu = Annotated[int, Meta(ge=1280, le=65535)]
TrunkMtu = Annotated[int, Meta(ge=0, le=65535)]
ReportIntervals = Annotated[int, Meta(ge=0, le=100)]
Positive = Annotated[int, Meta(ge=1, le=1 << 24)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Ordinals = Annotated[int, Meta(ge=1, le=1024)]
DrainSeconds = Annotated[int, Meta(ge=0, le=604800)]
SampleRate = Annotated[int, Meta(ge=8000, le=48000)]
ConnectSeconds = Annotated[int, Meta(ge=1, le=60)]
Attempts = Annotated[int, Meta(ge=0, le=100)]
PlayoutSeconds = Annotated[int, Meta(ge=1, le=600)]
CallSeconds = Annotated[int, Meta(ge=1, le=604_800)]


def _takes(expected: str, parse: Callable[[str], object] | None = None, *, is_secret: bool = False) -> Meta:
    return Meta(description=expected, extra={"parse": parse, "is_secret": is_secret})


_LISTEN = _takes('a literal address to bind, "HOST:PORT" or "[HOST]:PORT"', Address.parse)
_NETWORKS = _takes('a list of networks like "10.0.0.0/8", host bits zero', values.network)


def _available_cpus() -> int:
    return min(len(os.sched_getaffinity(0)), MAX_WORKERS)


def _overlaps(one: Address, other: Address) -> bool:
    return one.ip == other.ip or any(map(values.is_wildcard, (one, other)))


class AdminSection(Struct, frozen=True, kw_only=True):
    """``[admin]``: liveness, readiness and metrics over HTTP. Without the section there is no such port."""

    listen: Annotated[Address, _LISTEN]


class HintKeysSection(Struct, frozen=True, kw_only=True):
    """``[hint_keys]``: the secrets that routing hints are minted and opened with."""

    mint: Annotated[Annotated[int, Meta(ge=0, le=15)] | None, _takes("the id of the secret that mints, 0..15")] = None
    secrets: Annotated[
        Mapping[str, str], _takes("a table of ids 0..15, each with a secret of 64 hex digits", is_secret=True)
    ] = field(default_factory=dict)
    file: Annotated[Path | None, _takes("a TOML file with mint and secrets", values.path)] = None

    def __post_init__(self) -> None:
        if self.file is not None and (self.mint is not None or self.secrets):
            raise ConfigurationError("hint_keys.file", str(self.file), "either file, or mint and secrets")


class RedisSection(Struct, frozen=True, kw_only=True):
    """``[redis]``: the flow cache and the registry of transceivers."""

    url: Annotated[str, _takes('a URL like "redis://:PASSWORD@10.0.0.2:6379/0"', values.redis_url, is_secret=True)]
    key_prefix: Annotated[str, _takes("what all keys in Redis begin with")] = "rtcsplit:"


class DirectoryDnsSection(Struct, frozen=True, kw_only=True):
    """``[directory_dns]``: transceivers with a number in their DNS name, and names of other clusters' relays."""

    name: Annotated[str | None, _takes('a DNS name with "{ordinal}" in it', values.ordinal_name)] = None
    port: Annotated[Port | None, _takes("the transceivers' UDP port, 1..65535")] = None
    cluster: Annotated[U16 | None, _takes("the cluster's id, 0..65535")] = None
    first_id: Annotated[U16, _takes("the transceiver id of ordinal 0, 0..65535")] = 0
    count: Annotated[Ordinals, _takes("how many ordinals to look up, 1..1024")] = 16
    nameserver: Annotated[Address | None, _takes('a literal address, "HOST:PORT"', values.destination_address)] = None
    relays: Annotated[Mapping[str, str], _takes("a table of cluster ids, each with the relays' NAME:PORT")] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        if self.name is None and not self.relays:
            raise ConfigurationError("directory_dns.name", None, "a name of transceivers, or relays")
        for key in ("port", "cluster"):
            if self.name is not None and getattr(self, key) is None:
                raise ConfigurationError(f"directory_dns.{key}", None, "a number, since there is a name")
        self.cluster_names()
        if self.first_id + self.count - 1 > 65535:
            expected = f"at most {65536 - self.first_id}, since transceiver ids end at 65535"
            raise ConfigurationError("directory_dns.count", self.count, expected)

    def cluster_names(self) -> list[tuple[int, str, int]]:
        """Return ``relays`` as cluster ids, names and ports.

        Raises:
            ConfigurationError: an id is no cluster's, or a name or port is none.
        """
        found = []
        for id_, text in self.relays.items():
            try:
                found.append((values.cluster_id(id_), *values.name_and_port(text)))
            except ValueError:
                expected = 'a cluster id 0..65535 with "NAME:PORT"'
                raise ConfigurationError(f"directory_dns.relays.{id_}", text, expected) from None
        return found


class RelaySection(Struct, frozen=True, kw_only=True):
    """``[relay]``: the public side, the internal side, and how much memory flows may take."""

    listen: Annotated[Address, _LISTEN]
    upstream: Annotated[Address, _LISTEN]
    directory_source: Annotated[Literal["file", "redis", "dns"], _takes('"file", "redis" or "dns"')] = "file"
    directory: Annotated[Path | None, _takes("a TOML file of transceivers", values.path)] = None
    transceiver_networks: Annotated[tuple[Network, ...], _NETWORKS] = ()
    relay_listen: Annotated[Address | None, _LISTEN] = None
    relay_networks: Annotated[tuple[Network, ...], _NETWORKS] = ()
    cluster: Annotated[U16 | None, _takes("the cluster's id, 0..65535")] = None
    relay_announce: Annotated[
        Address | None,
        _takes('the address that other relays send to, "HOST:PORT", no wildcard', values.destination_address),
    ] = None
    workers: Annotated[Workers, _takes(f"a number of workers, 1..{MAX_WORKERS}")] = field(
        default_factory=_available_cpus
    )
    allow_client_networks: Annotated[tuple[Network, ...], _NETWORKS] = ()
    confirmed_flows: Annotated[Flows, _takes("a number of flows per worker, 1024..16777216")] = 131072
    receive_buffer_bytes: Annotated[BufferBytes, _takes("octets, 65536..1073741824")] = 4194304
    rescue_uplink: Annotated[bool, _takes("true or false")] = False
    runs: Annotated[bool, _takes("true or false")] = True
    internal_mtu: Annotated[Mtu, _takes("octets, 1280..65535")] = 1500
    coalesce_us: Annotated[Microseconds, _takes("microseconds, 0..250")] = 0
    standby: Annotated[bool, _takes("true or false")] = True
    drain_seconds: Annotated[DrainSeconds, _takes("seconds, 0..604800")] = 10

    def __post_init__(self) -> None:
        count = self.workers if self.relay_listen is None else 2 * self.workers
        highest = self.upstream.port + count - 1
        if self.upstream.port and highest > 65535:
            expected = f"a port with {count - 1} more above it, one for each worker"
            raise ConfigurationError("relay.upstream", str(self.upstream), expected)
        self._require_apart("listen", self.listen, highest)
        if self.relay_listen is None:
            if self.relay_networks:
                networks = [str(network) for network in self.relay_networks]
                raise ConfigurationError("relay.relay_networks", networks, "no networks where there is no relay_listen")
            return
        if not self.relay_networks:
            raise ConfigurationError("relay.relay_networks", [], "the networks that other relays send from")
        if count > MAX_WORKERS:
            expected = f"1..{MAX_WORKERS // 2}, since relay_listen takes as many again"
            raise ConfigurationError("relay.workers", self.workers, expected)
        self._require_apart("relay_listen", self.relay_listen, highest)
        if self.cluster is not None and self.relay_announce is None and values.is_wildcard(self.relay_listen):
            expected = "the address that other relays send to, since relay_listen is a wildcard"
            raise ConfigurationError("relay.relay_announce", None, expected)
        if _overlaps(self.relay_listen, self.listen) and self.relay_listen.port == self.listen.port != 0:
            expected = f"an address other than relay.listen, {self.listen}"
            raise ConfigurationError("relay.relay_listen", str(self.relay_listen), expected)

    def _require_apart(self, name: str, address: Address, highest: int) -> None:
        if _overlaps(address, self.upstream) and self.upstream.port <= address.port <= highest and address.port:
            expected = f"ports other than that of relay.{name}, {address}"
            raise ConfigurationError("relay.upstream", str(self.upstream), expected)


class TransceiverSection(Struct, frozen=True, kw_only=True):
    """``[transceiver]``: its identity, its one UDP socket, and what its answers offer."""

    listen: Annotated[Address, _LISTEN]
    mode: Annotated[Literal["relay", "direct"], _takes('"relay" or "direct"')] = "relay"
    cluster: Annotated[U16 | None, _takes("the cluster's id, 0..65535")] = None
    id: Annotated[U16 | None, _takes("this transceiver's id in its cluster, 0..65535")] = None
    advertise: Annotated[
        tuple[Address, ...],
        _takes('a list of addresses that clients send to, "HOST:PORT", without wildcards', values.destination_address),
    ] = ()
    announce: Annotated[
        Address | None,
        _takes('the address that relays send to, "HOST:PORT", no wildcard', values.destination_address),
    ] = None
    relay_networks: Annotated[tuple[Network, ...], _NETWORKS] = ()
    dtls_setup: Annotated[Literal["auto", "active", "passive"], _takes('"auto", "active" or "passive"')] = "auto"
    srtp_profiles: Annotated[
        tuple[SrtpProfile, ...],
        _takes(f"a list of {', '.join(SrtpProfile.__members__)}, best first", values.srtp_profile),
    ] = (SrtpProfile.AEAD_AES_128_GCM, SrtpProfile.AEAD_AES_256_GCM, SrtpProfile.AES128_CM_HMAC_SHA1_80)
    application: Annotated[Literal["echo"], _takes('"echo"')] = "echo"
    max_sessions: Annotated[Positive, _takes("a number of sessions, 1..16777216")] = 10000
    max_half_open_sessions: Annotated[Positive, _takes("a number of sessions, 1..16777216")] = 1000
    session_log_directory: Annotated[Path | None, _takes("a directory to write to", values.path)] = None
    drain_seconds: Annotated[DrainSeconds, _takes("seconds, 0..604800")] = 3600
    receive_buffer_bytes: Annotated[BufferBytes, _takes("octets, 65536..1073741824")] = 4194304
    silent_intervals: Annotated[ReportIntervals, _takes("report intervals of 5 s, 0..100")] = 3
    trunk_mtu: Annotated[TrunkMtu, _takes("0, or octets 1280..65535")] = 0
    gather_ms: Annotated[Milliseconds, _takes("milliseconds, 0..50")] = 3
    snap: Annotated[bool, _takes("true or false")] = False
    rescue_uplink: Annotated[bool, _takes("true or false")] = False
    workers: Annotated[Workers, _takes(f"a number of processes, 1..{MAX_WORKERS}")] = 1

    def __post_init__(self) -> None:
        self._check_workers()
        if not self.srtp_profiles or len(set(self.srtp_profiles)) < len(self.srtp_profiles):
            names = [profile.name for profile in self.srtp_profiles]
            raise ConfigurationError("transceiver.srtp_profiles", names, "at least one profile, each once")
        if 0 < self.trunk_mtu < 1280:
            raise ConfigurationError("transceiver.trunk_mtu", self.trunk_mtu, "0, or octets 1280..65535")
        if self.mode == "relay":
            self._require("advertise", "the relay's public addresses (mode is relay)")
            self._require("relay_networks", "the networks that relays send from (mode is relay)")
        elif self.relay_networks:
            networks = [str(network) for network in self.relay_networks]
            raise ConfigurationError("transceiver.relay_networks", networks, "no networks where mode is direct")
        elif not self.advertise and values.is_wildcard(self.listen):
            raise ConfigurationError("transceiver.advertise", None, "the addresses behind a wildcard listen")

    def _check_workers(self) -> None:
        more = self.workers - 1
        if self.id is not None and self.id + more > 65535:
            raise ConfigurationError("transceiver.id", self.id, f"an id with {more} more above it, one for each worker")
        direct = self.advertise if self.mode == "direct" else ()
        named = [("listen", self.listen), ("announce", self.announce), *(("advertise", each) for each in direct)]
        for name, address in named:
            if address is not None and address.port + more > 65535:
                expected = f"a port with {more} more above it, one for each worker"
                raise ConfigurationError(f"transceiver.{name}", str(address), expected)

    def require_route(self) -> None:
        """Refuse a section without cluster and id, which a hint cannot do without."""
        self._require("cluster", "the cluster's id, 0..65535")
        self._require("id", "this transceiver's id in its cluster, 0..65535")

    def _require(self, name: str, expected: str) -> None:
        value = getattr(self, name)
        if value is None or value == ():
            raise ConfigurationError(f"transceiver.{name}", None, expected)


class SignalingSection(Struct, frozen=True, kw_only=True):
    """``[signaling]``: the HTTP port where calls are set up, and who may."""

    listen: Annotated[Address, _LISTEN] = Address.of("0.0.0.0", 8080)
    whip_path: Annotated[str, _takes('a URL path like "/whip", without a slash at its end', values.url_path)] = "/whip"
    tokens: Annotated[
        tuple[Token, ...], _takes("a list of bearer tokens of letters, digits, -._~+/ and = at the end", is_secret=True)
    ] = ()
    allow_anonymous: Annotated[bool, _takes("true or false")] = False
    cors_origins: Annotated[tuple[str, ...], _takes('a list of origins like "https://example.org", or "*"')] = ()
    max_sessions_per_token: Annotated[Positive, _takes("a number of sessions, 1..16777216")] = 100
    steering: Annotated[Path | None, _takes("a TOML file of rules", values.path)] = None
    steering_database: Annotated[Path | None, _takes("a database in MaxMind's format", values.path)] = None
    trusted_proxies: Annotated[tuple[Network, ...], _NETWORKS] = ()

    def __post_init__(self) -> None:
        if not self.tokens and not self.allow_anonymous:
            raise ConfigurationError("signaling.tokens", None, "at least one token, or allow_anonymous = true")
        if self.steering is None and self.steering_database is not None:
            expected = "no database where there is no signaling.steering"
            raise ConfigurationError("signaling.steering_database", str(self.steering_database), expected)


class BackendSection(Struct, frozen=True, kw_only=True):
    """``[backend]``: what answers the calls of a gateway, a WebSocket server or a handler in its own process."""

    url: Annotated[str | None, _takes('a URL like "ws://127.0.0.1:9000/calls" or "wss://backend.example/calls"')] = None
    handler: Annotated[str | None, _takes('"MODULE:NAME" of a handler in this process')] = None
    protocol: Annotated[Literal["plain", "realtime"], _takes('"plain" or "realtime"')] = "plain"
    token: Annotated[str, _takes("a bearer token", is_secret=True)] = ""
    audio_in: Annotated[Literal["pcm16", "packets"], _takes('"pcm16" or "packets"')] = "pcm16"
    audio_in_rate: Annotated[SampleRate, _takes("Hz, 8000..48000")] = 24000
    audio_out: Annotated[Literal["pcm16", "packets"], _takes('"pcm16" or "packets"')] = "pcm16"
    audio_out_rate: Annotated[SampleRate, _takes("Hz, 8000..48000")] = 24000
    connect_seconds: Annotated[ConnectSeconds, _takes("seconds, 1..60")] = 5
    reconnect_attempts: Annotated[Attempts, _takes("a number of attempts, 0..100")] = 3
    playout_seconds: Annotated[PlayoutSeconds, _takes("seconds, 1..600")] = 60
    call_seconds: Annotated[CallSeconds, _takes("seconds, 1..604800")] = 3600

    def __post_init__(self) -> None:
        if (self.url is None) is (self.handler is None):
            raise ConfigurationError("backend.url", self.url, "a WebSocket server, or a handler instead of it")
        for key in ("audio_in", "audio_out"):
            if self.protocol == "realtime" and getattr(self, key) != "pcm16":
                raise ConfigurationError(f"backend.{key}", getattr(self, key), '"pcm16" (backend.protocol is realtime)')


class RealtimeSection(Struct, frozen=True, kw_only=True):
    """``[realtime]``: the Realtime API beside WHIP, on the same port, with the same tokens."""

    path: Annotated[str, _takes('a URL path like "/v1/realtime", without a slash at its end', values.url_path)] = (
        "/v1/realtime"
    )


class RelayConfig(Struct, frozen=True, kw_only=True):
    """The whole of ``relay.toml``."""

    relay: RelaySection
    hint_keys: HintKeysSection
    redis: RedisSection | None = None
    directory_dns: DirectoryDnsSection | None = None
    admin: AdminSection | None = None

    def __post_init__(self) -> None:
        source = self.relay.directory_source
        if source == "file" and self.relay.directory is None:
            raise ConfigurationError("relay.directory", None, "a TOML file of transceivers")
        if source == "redis" and self.redis is None:
            raise ConfigurationError("redis.url", None, "where Redis is, since relay.directory_source is redis")
        if source == "dns" and self.directory_dns is None:
            raise ConfigurationError("directory_dns.name", None, "a name, since relay.directory_source is dns")


class TransceiverConfig(Struct, frozen=True, kw_only=True):
    """The whole of ``transceiver.toml``."""

    transceiver: TransceiverSection
    signaling: SignalingSection
    hint_keys: HintKeysSection | None = None
    redis: RedisSection | None = None
    admin: AdminSection | None = None

    def __post_init__(self) -> None:
        if self.transceiver.mode == "relay" and self.hint_keys is None:
            raise ConfigurationError("hint_keys.mint", None, "the id of the secret that mints, 0..15")
        if self.hint_keys is not None:
            self.transceiver.require_route()
        if self.redis is not None:
            self._require_registration()

    def _require_registration(self) -> None:
        if self.transceiver.mode != "relay":
            raise ConfigurationError("redis.url", "(hidden)", "no Redis where transceiver.mode is direct")
        if self.transceiver.announce is None and values.is_wildcard(self.transceiver.listen):
            expected = "the address that relays send to, since transceiver.listen is a wildcard"
            raise ConfigurationError("transceiver.announce", None, expected)


class GatewayConfig(TransceiverConfig, frozen=True, kw_only=True):
    """The whole of ``gateway.toml``: a transceiver's, and the backend of its calls."""

    backend: BackendSection
    realtime: RealtimeSection | None = None
