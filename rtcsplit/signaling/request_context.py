"""Who asks, as steering wants to know it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.requests import Request

from ..routing.steering import IpAddress, RequestContext

__all__ = ["Network", "request_context"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def request_context(request: Request, trusted_proxies: Sequence[Network]) -> RequestContext:
    """Return the context of a request.

    The client is the last one of ``X-Forwarded-For`` that is no trusted proxy, as far as trusted proxies wrote it.
    """
    client = _address(request.client.host if request.client else "")
    hops = [hop.strip() for hop in ",".join(request.headers.getlist("x-forwarded-for")).split(",")]
    while client is not None and hops and any(client in network for network in trusted_proxies):
        if (before := _address(hops.pop())) is None:
            break
        client = before
    return RequestContext(client, {name.lower(): value for name, value in request.headers.items()})


def _address(text: str) -> IpAddress | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
