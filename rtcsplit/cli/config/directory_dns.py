"""``[directory_dns]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct, field

from ...errors import ConfigurationError
from ...wire.address import Address
from .. import values
from .key import U16, Port, takes

__all__ = ["DirectoryDnsSection"]

Ordinals = Annotated[int, Meta(ge=1, le=1024)]


class DirectoryDnsSection(Struct, frozen=True, kw_only=True):
    """``[directory_dns]``: transceivers with a number in their DNS name, and names of other clusters' relays."""

    name: Annotated[str | None, takes('a DNS name with "{ordinal}" in it', values.ordinal_name)] = None
    port: Annotated[Port | None, takes("the transceivers' UDP port, 1..65535")] = None
    cluster: Annotated[U16 | None, takes("the cluster's id, 0..65535")] = None
    first_id: Annotated[U16, takes("the transceiver id of ordinal 0, 0..65535")] = 0
    count: Annotated[Ordinals, takes("how many ordinals to look up, 1..1024")] = 16
    trunk: Annotated[bool, takes("true or false")] = False
    nameserver: Annotated[Address | None, takes('a literal address, "HOST:PORT"', values.destination_address)] = None
    relays: Annotated[Mapping[str, str], takes("a table of cluster ids, each with the relays' NAME:PORT")] = field(
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
