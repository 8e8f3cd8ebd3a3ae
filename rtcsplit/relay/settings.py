"""What a relay is configured with."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from .._native.relay import WORKERS_MAX
from ..errors import ConfigurationError
from ..wire.address import Address

__all__ = ["RelaySettings"]

_FLOWS_MAX = 1 << 24


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Settings of a :class:`~rtcsplit.relay.relay.Relay`; the names are those of the ``[relay]`` section.

    Attributes:
        listen: the public address that all workers share; None where only other relays are served. On a wildcard
            address the relay answers from the address that a client sent to. Port 0: the kernel chooses one, for tests.
        upstream: internal address of the first worker; worker *i* binds its port plus *i*, after a restart the same,
            so that transceivers' datagrams find their way back. Port 0: the kernel chooses each.
        workers: pairs of threads, one pair per CPU at most being useful.
        allow_client_networks: networks where clients may be although they are denied by default, see
            docs/explanation/relay.md.
        confirmed_flows: most confirmed flows per worker; about 110 octets each are taken at start.
        receive_buffer_bytes: SO_RCVBUF and SO_SNDBUF of every socket, as far as the kernel allows.
        relay_listen: internal address where other relays' datagrams arrive, with headers; where there is a public
            address too, as many workers again serve it, and the two kinds take turns at the upstream ports. None: no
            other relay is served.
        relay_networks: networks where those relays are; nobody else is heard.
        rescues_uplink: whether RTP of a source that was heard lately is routed from addresses without a flow too, see
            docs/explanation/relay.md.
        runs: whether datagrams of one length to one address leave as one message.
        internal_mtu: octets of the longest IP packet on the way to transceivers that read trunks.
        coalesce_us: microseconds that datagrams may gather where batches follow each other closely; 0 for not.
        pins_workers: whether worker *i*'s threads are pinned to the *i*-th CPU of those allowed.

    Raises:
        ConfigurationError: a setting is out of range.
    """

    listen: Address | None
    upstream: Address
    workers: int = 1
    allow_client_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    confirmed_flows: int = 131072
    receive_buffer_bytes: int = 4194304
    relay_listen: Address | None = None
    relay_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    runs: bool = True
    internal_mtu: int = 1500
    coalesce_us: int = 0
    pins_workers: bool = True
    rescues_uplink: bool = False

    def __post_init__(self) -> None:
        if not self.kinds:
            raise ConfigurationError("relay.listen", None, "an address to bind, or relay_listen")
        most = WORKERS_MAX // len(self.kinds)
        if not 1 <= self.workers <= most:
            raise ConfigurationError("relay.workers", self.workers, f"1..{most}")
        if not 1 <= self.confirmed_flows <= _FLOWS_MAX:
            raise ConfigurationError("relay.confirmed_flows", self.confirmed_flows, f"1..{_FLOWS_MAX}")
        if self.receive_buffer_bytes < 1:
            raise ConfigurationError("relay.receive_buffer_bytes", self.receive_buffer_bytes, "a number of octets")
        if not 1280 <= self.internal_mtu <= 65535:
            raise ConfigurationError("relay.internal_mtu", self.internal_mtu, "octets, 1280..65535")
        if not 0 <= self.coalesce_us <= 250:
            raise ConfigurationError("relay.coalesce_us", self.coalesce_us, "microseconds, 0..250")
        if self.upstream.port and self.upstream.port + self.worker_count - 1 > 65535:
            expected = f"a port with {self.worker_count - 1} more above it, one for each worker"
            raise ConfigurationError("relay.upstream", str(self.upstream), expected)

    @property
    def kinds(self) -> tuple[bool, ...]:
        """What workers do in turns, as whether they serve other relays."""
        return (*([] if self.listen is None else [False]), *([] if self.relay_listen is None else [True]))

    @property
    def worker_count(self) -> int:
        """All workers: those of the public side, and those that serve other relays."""
        return self.workers * len(self.kinds)
