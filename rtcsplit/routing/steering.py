"""Steering: which ingress, and which cluster, a request for a call is sent to.

A list of rules, the first that fits counts. What a rule looks at comes with the request: the client's address, headers
that a load balancer or CDN has set, and where a database says that the address is. No rule fits: the caller's default.

As a file it is TOML::

    [[ingress]]
    continents = ["EU"]                       # all conditions of a rule have to hold; one without any always fits
    advertise = ["198.51.100.10:3478"]        # candidates of the answer, the preferred one first

    [[ingress]]
    headers = { cf-ipcountry = "JP" }
    cluster = 3
    url = "https://tokyo.example/whip"        # signaling of another cluster: the client is sent there

Nothing here reads a socket, a clock or a database; the latter is a function of the caller's.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from ..errors import ConfigurationError, UsageError
from ..wire.address import Address

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Ingress", "IpAddress", "Locate", "Place", "RequestContext", "Steering", "SteeringRule"]

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_T = TypeVar("_T")

_TABLE = "ingress"
_CONDITIONS = ("networks", "countries", "continents", "headers")
_FIELDS = (*_CONDITIONS, "cluster", "advertise", "url")


class Place(NamedTuple):
    """Where an address is, as ISO codes of two letters; empty where that is not known."""

    country: str
    continent: str


Locate = Callable[[IpAddress], Place | None]


class RequestContext(NamedTuple):
    """What is known of who asks for a call.

    Attributes:
        client: the client's address, None if nobody knows it.
        headers: of the request, names in lower case. A client may write what it likes into those that nobody in front
            of us overwrites; all that it can choose so is the way its own call takes.
    """

    client: IpAddress | None
    headers: Mapping[str, str]


class Ingress(NamedTuple):
    """Where a call goes in.

    Attributes:
        advertise: what the answer names as candidates, the preferred one first; empty where the client is sent on.
        cluster: the cluster whose transceivers serve it; None: that of whoever was asked.
        url: signaling of that cluster; empty: the answer is made here.
    """

    advertise: tuple[Address, ...] = ()
    cluster: int | None = None
    url: str = ""


class SteeringRule(NamedTuple):
    """An ingress and its conditions, all of which have to hold; an empty one always does.

    Attributes:
        ingress: for requests that the rule fits.
        networks: the client is in one of them.
        countries: or rather in one of these, as ISO 3166 codes.
        continents: or on one of these: AF, AN, AS, EU, NA, OC, SA.
        headers: the request has all of these.
    """

    ingress: Ingress
    networks: tuple[IpNetwork, ...] = ()
    countries: tuple[str, ...] = ()
    continents: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def needs_place(self) -> bool:
        """Whether it asks where the client is."""
        return bool(self.countries or self.continents)

    def fits(self, context: RequestContext, place: Place | None) -> bool:
        """Whether a request from a client at this place is for this ingress."""
        if self.networks and not (context.client and any(context.client in network for network in self.networks)):
            return False
        if self.countries and (place is None or place.country not in self.countries):
            return False
        if self.continents and (place is None or place.continent not in self.continents):
            return False
        return all(context.headers.get(name) == value for name, value in self.headers)


class Steering:
    """Immutable.

    Args:
        rules: in order.
        locate: says where an address is; without it nobody is anywhere.
    """

    __slots__ = ("_locate", "_needs_place", "rules")

    def __init__(self, rules: Iterable[SteeringRule] = (), locate: Locate | None = None) -> None:
        self.rules = tuple(rules)
        self._locate = locate
        self._needs_place = any(rule.needs_place for rule in self.rules)

    def steer(self, context: RequestContext) -> Ingress | None:
        """Return the ingress for a request; None: no rule fits."""
        place = None
        if self._needs_place and self._locate is not None and context.client is not None:
            place = self._locate(context.client)
        return next((rule.ingress for rule in self.rules if rule.fits(context, place)), None)

    @classmethod
    def from_file(cls, path: Path, locate: Locate | None = None, *, setting: str = "steering") -> Steering:
        """Return the steering of a TOML file.

        Args:
            path: the file.
            locate: as of the class.
            setting: dotted name of the setting that named it, for the error.

        Raises:
            ConfigurationError: the file cannot be read, or a rule makes no sense; names the key at fault.
        """
        try:
            document = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigurationError(setting, str(path), f"a readable TOML file ({error})") from None
        for key in document:
            if key != _TABLE:
                raise ConfigurationError(key, document[key], f"nothing but [[{_TABLE}]]")
        tables = document.get(_TABLE, [])
        if not isinstance(tables, list):
            raise ConfigurationError(_TABLE, tables, "an array of tables")
        rules = [_rule(table, f"{_TABLE}[{index}]") for index, table in enumerate(tables)]
        if locate is None:
            for index, rule in enumerate(rules):
                if rule.needs_place:
                    raise ConfigurationError(f"{_TABLE}[{index}]", "countries or continents", "a database to look in")
        return cls(rules, locate)


def _rule(table: object, setting: str) -> SteeringRule:
    if not isinstance(table, dict):
        raise ConfigurationError(setting, table, "a table")
    for key in table:
        if key not in _FIELDS:
            raise ConfigurationError(f"{setting}.{key}", table[key], f"one of {', '.join(_FIELDS)}")
    cluster, url = table.get("cluster"), table.get("url", "")
    if cluster is not None and (type(cluster) is not int or not 0 <= cluster <= 0xFFFF):
        raise ConfigurationError(f"{setting}.cluster", cluster, "an integer within 0..65535")
    if url and (not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https") or not url.isprintable()):
        raise ConfigurationError(f"{setting}.url", url, "an http or https URL")
    advertise = _each(table, "advertise", setting, _destination, 'literal addresses, "HOST:PORT"')
    if bool(url) == bool(advertise):
        raise ConfigurationError(f"{setting}.advertise", table.get("advertise"), "either addresses, or a url")
    headers = table.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise ConfigurationError(f"{setting}.headers", headers, "a table of header names, each with its value")
    return SteeringRule(
        Ingress(advertise, cluster, url),
        _each(table, "networks", setting, ipaddress.ip_network, 'networks like "10.0.0.0/8", host bits zero'),
        _each(table, "countries", setting, _code, 'country codes of two letters, such as "DE"'),
        _each(table, "continents", setting, _code, 'continent codes of two letters, such as "EU"'),
        tuple((name.lower(), value) for name, value in headers.items()),
    )


def _each(table: dict[str, object], key: str, setting: str, read: Callable[[str], _T], expected: str) -> tuple[_T, ...]:
    values = table.get(key, [])
    try:
        if not isinstance(values, list):
            raise UsageError("no list")
        return tuple(read(value if isinstance(value, str) else "") for value in values)
    except ValueError:
        raise ConfigurationError(f"{setting}.{key}", values, f"a list of {expected}") from None


def _destination(text: str) -> Address:
    address = Address.parse(text)
    ip = ipaddress.ip_address(address.host)
    if not address.port or ip.is_unspecified or ip.is_multicast:
        raise UsageError(f"{text} is no address to send to")
    return address


def _code(text: str) -> str:
    if len(text) != 2 or not (text.isascii() and text.isalpha() and text.isupper()):
        raise UsageError(f"{text!r} is no code of two letters")
    return text
