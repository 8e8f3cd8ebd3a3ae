"""What a transceiver has to be told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path

from ..errors import ConfigurationError
from ..routing.hint import Route
from ..session.keying import SrtpProfile
from ..session.sdp import LocalSetup
from ..wire.address import Address

__all__ = ["TransceiverSettings"]


@dataclass(frozen=True, slots=True)
class TransceiverSettings:
    """Settings of one transceiver; see ``docs/reference/configuration.md`` for what each one does.

    Attributes:
        listen: internal address of the one UDP socket; port 0 lets the kernel choose.
        advertise: candidate addresses of the answer, the relays' public ones. Empty in direct mode: ``listen``, which
            is then no wildcard.
        route: cluster and transceiver id that the ufrags carry; None only in direct mode.
        relay_networks: who may send proxied datagrams. Empty is direct mode: no header, clients reach us themselves.
        dtls_setup: ``auto``, ``active`` or ``passive``.
        srtp_profiles: in order of preference.
        max_sessions: offers beyond this many living sessions are refused.
        max_half_open_sessions: offers beyond this many sessions without keys are refused.
        session_log_directory: where each session writes its log; None for no logs.
        receive_buffer_bytes: asked of the kernel for the socket.
        silent_intervals: report intervals of 5 s without a report of the peer, after which media is withheld; 0 for
            never (RFC 8083).
        has_snap: exchange SCTP's INITs in SDP where the client offers it, which saves data channels two round trips.
        rescues_uplink: genuine RTP counts also from addresses that have not checked yet, see
            docs/explanation/ice.md.
        trunk_mtu: octets of the longest IP packet to relays with several datagrams in it, docs/reference/trunk.md; 0:
            plain datagrams only.
        gather: seconds that datagrams may gather in the socket while the transceiver is busy; 0 for never.
    """

    listen: Address
    advertise: tuple[Address, ...] = ()
    route: Route | None = None
    relay_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    dtls_setup: LocalSetup = "auto"
    srtp_profiles: tuple[SrtpProfile, ...] = (
        SrtpProfile.AEAD_AES_128_GCM,
        SrtpProfile.AEAD_AES_256_GCM,
        SrtpProfile.AES128_CM_HMAC_SHA1_80,
    )
    max_sessions: int = 10_000
    max_half_open_sessions: int = 1_000
    session_log_directory: Path | None = None
    receive_buffer_bytes: int = 4 * 1024 * 1024
    silent_intervals: int = 3
    trunk_mtu: int = 0
    gather: float = 0.0005
    has_snap: bool = False
    rescues_uplink: bool = False

    def __post_init__(self) -> None:
        if not self.srtp_profiles:
            raise ConfigurationError("transceiver.srtp_profiles", [], "at least one profile")
        if self.max_sessions < 1:
            raise ConfigurationError("transceiver.max_sessions", self.max_sessions, "a positive number")
        if not 0 <= self.silent_intervals <= 100:
            raise ConfigurationError("transceiver.silent_intervals", self.silent_intervals, "0..100 report intervals")
        if not 0 <= self.gather <= 0.05:
            raise ConfigurationError("transceiver.gather_ms", self.gather * 1e3, "milliseconds, 0..50")
        if self.trunk_mtu and not 1280 <= self.trunk_mtu <= 65535:
            raise ConfigurationError("transceiver.trunk_mtu", self.trunk_mtu, "0, or octets 1280..65535")
        if self.max_half_open_sessions < 1:
            raise ConfigurationError(
                "transceiver.max_half_open_sessions", self.max_half_open_sessions, "a positive number"
            )
        logs = self.session_log_directory
        if logs is not None and not (logs.is_dir() and os.access(logs, os.W_OK)):
            raise ConfigurationError("transceiver.session_log_directory", str(logs), "a directory to write to")
        if self.is_relayed and self.route is None:
            raise ConfigurationError("transceiver.id", None, "cluster and id, 0..65535 each, in relay mode")
        if self.is_relayed and not self.advertise:
            raise ConfigurationError("transceiver.advertise", [], "the relay's public address in relay mode")
        self._check_candidates()

    def _check_candidates(self) -> None:
        """Refuse what no client can send to; each offer would fail with it."""
        if not self.is_relayed and not self.advertise and ip_address(self.listen.host).is_unspecified:
            raise ConfigurationError("transceiver.advertise", [], "the addresses behind a wildcard listen")
        for address in self.advertise:
            if not address.port or ip_address(address.host).is_unspecified:
                raise ConfigurationError("transceiver.advertise", str(address), "an address that clients can send to")

    @property
    def is_relayed(self) -> bool:
        """Whether clients come through a relay."""
        return bool(self.relay_networks)
