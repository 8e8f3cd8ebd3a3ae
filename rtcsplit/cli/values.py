"""Settings as people write them, and back: an address, a network, an SRTP profile, a path.

Each parser takes the text of one setting and raises ``ValueError`` where it cannot be used; whoever calls it knows
the key and says what is expected.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ..session.keying import SrtpProfile
from ..wire.address import Address

__all__ = [
    "Network",
    "destination_address",
    "network",
    "ordinal_name",
    "path",
    "redis_url",
    "render",
    "srtp_profile",
    "url_path",
]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def destination_address(text: str) -> Address:
    """Return an address that somebody else can send to: no wildcard, no port 0."""
    address = Address.parse(text)
    if is_wildcard(address) or address.port == 0:
        raise ValueError("nobody can send to this address")
    return address


def is_wildcard(address: Address) -> bool:
    """Whether this stands for every address of the host (``0.0.0.0`` or ``[::]``)."""
    return ipaddress.ip_address(address.host).is_unspecified


def network(text: str) -> Network:
    """Return the network written as ``10.0.0.0/8``; host bits must be zero."""
    return ipaddress.ip_network(text)


def srtp_profile(text: str) -> SrtpProfile:
    """Return the profile of that name."""
    if text not in SrtpProfile.__members__:
        raise ValueError("unknown profile")
    return SrtpProfile[text]


def path(text: str) -> Path:
    """Return the path; relative ones are resolved by the caller, who knows the configuration's place."""
    if not text or "\0" in text:
        raise ValueError("not a path")
    return Path(text)


def url_path(text: str) -> str:
    """Return a URL path: begins with a slash, does not end with one, only unreserved characters and slashes."""
    if not text.startswith("/") or text.endswith("/") or not set(text) <= _URL_PATH:
        raise ValueError("not a URL path")
    return text


def redis_url(text: str) -> str:
    """Return the URL of a Redis server."""
    url = urlsplit(text)
    if url.scheme not in ("redis", "rediss", "unix") or not (url.hostname or url.scheme == "unix") or url.port == 0:
        raise ValueError("not the URL of a Redis server")
    return text


def ordinal_name(text: str) -> str:
    """Return a DNS name with ``{ordinal}`` in it, once."""
    if text.count("{ordinal}") != 1 or not set(text.replace("{ordinal}", "0")) <= _DNS_NAME or len(text) > 250:
        raise ValueError("not a name with an ordinal")
    return text


def cluster_id(text: str) -> int:
    """Return a cluster's id."""
    if not text.isdecimal() or not 0 <= int(text) <= 0xFFFF:
        raise ValueError("not a cluster's id")
    return int(text)


def name_and_port(text: str) -> tuple[str, int]:
    """Return a DNS name and a port."""
    name, _, port = text.rpartition(":")
    if not name or not set(name) <= _DNS_NAME or len(name) > 250 or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ValueError("not a name with a port")
    return name, int(port)


_DNS_NAME = frozenset("-._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_URL_PATH = frozenset("/-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def render(value: object) -> str:
    """Return ``value`` as TOML, in the form in which a configuration file has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, SrtpProfile):
        return f'"{value.name}"'
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, tuple) and not isinstance(value, Address):
        return "[" + ", ".join(map(render, value)) + "]"
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(str(key))} = {render(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    return json.dumps(str(value), ensure_ascii=False)
