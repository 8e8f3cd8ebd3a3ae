"""``transceiver.toml``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ...errors import ConfigurationError
from ...session.keying import SrtpProfile
from ...wire.address import Address
from .. import values
from ..values import Network
from .key import LISTEN, MAX_WORKERS, NETWORKS, U16, BufferBytes, DrainSeconds, Positive, Workers, takes
from .shared import AdminSection, HintKeysSection, RedisSection
from .signaling import SignalingSection

__all__ = ["TransceiverConfig", "TransceiverSection"]

Milliseconds = Annotated[float, Meta(ge=0, le=50)]
TrunkMtu = Annotated[int, Meta(ge=0, le=65535)]
ReportIntervals = Annotated[int, Meta(ge=0, le=100)]


class TransceiverSection(Struct, frozen=True, kw_only=True):
    """``[transceiver]``: its identity, its one UDP socket, and what its answers offer."""

    listen: Annotated[Address, LISTEN]
    mode: Annotated[Literal["relay", "direct"], takes('"relay" or "direct"')] = "relay"
    cluster: Annotated[U16 | None, takes("the cluster's id, 0..65535")] = None
    id: Annotated[U16 | None, takes("this transceiver's id in its cluster, 0..65535")] = None
    advertise: Annotated[
        tuple[Address, ...],
        takes('a list of addresses that clients send to, "HOST:PORT", without wildcards', values.destination_address),
    ] = ()
    announce: Annotated[
        Address | None,
        takes('the address that relays send to, "HOST:PORT", no wildcard', values.destination_address),
    ] = None
    announce_to: Annotated[Path | None, takes("a folder to write to", values.path)] = None
    relay_networks: Annotated[tuple[Network, ...], NETWORKS] = ()
    dtls_setup: Annotated[Literal["auto", "active", "passive"], takes('"auto", "active" or "passive"')] = "auto"
    srtp_profiles: Annotated[
        tuple[SrtpProfile, ...],
        takes(f"a list of {', '.join(SrtpProfile.__members__)}, best first", values.srtp_profile),
    ] = (SrtpProfile.AEAD_AES_128_GCM, SrtpProfile.AEAD_AES_256_GCM, SrtpProfile.AES128_CM_HMAC_SHA1_80)
    application: Annotated[Literal["echo"], takes('"echo"')] = "echo"
    max_sessions: Annotated[Positive, takes("a number of sessions, 1..16777216")] = 10000
    max_half_open_sessions: Annotated[Positive, takes("a number of sessions, 1..16777216")] = 1000
    session_log_directory: Annotated[Path | None, takes("a directory to write to", values.path)] = None
    drain_seconds: Annotated[DrainSeconds, takes("seconds, 0..604800")] = 3600
    receive_buffer_bytes: Annotated[BufferBytes, takes("octets, 65536..1073741824")] = 4194304
    silent_intervals: Annotated[ReportIntervals, takes("report intervals of 5 s, 0..100")] = 3
    trunk_mtu: Annotated[TrunkMtu, takes("0, or octets 1280..65535")] = 0
    gather_ms: Annotated[Milliseconds, takes("milliseconds, 0..50")] = 0.5
    snap: Annotated[bool, takes("true or false")] = False
    rescue_uplink: Annotated[bool, takes("true or false")] = False
    workers: Annotated[Workers, takes(f"a number of processes, 1..{MAX_WORKERS}")] = 1

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
        if self.redis is not None or self.transceiver.announce_to is not None:
            self._require_registration()

    def _require_registration(self) -> None:
        if self.transceiver.mode != "relay" and self.redis is not None:
            raise ConfigurationError("redis.url", "(hidden)", "no Redis where transceiver.mode is direct")
        if self.transceiver.mode != "relay":
            folder = str(self.transceiver.announce_to)
            raise ConfigurationError("transceiver.announce_to", folder, "no folder where transceiver.mode is direct")
        if self.transceiver.announce is None and values.is_wildcard(self.transceiver.listen):
            expected = "the address that relays send to, since transceiver.listen is a wildcard"
            raise ConfigurationError("transceiver.announce", None, expected)
