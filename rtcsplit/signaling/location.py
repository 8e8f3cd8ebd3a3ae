"""Where addresses are, by a database in MaxMind's format (GeoLite2 Country or City, DB-IP and others).

Needs maxminddb (``pip install 'rtcsplit[geo]'``).
"""

from __future__ import annotations

from pathlib import Path

import maxminddb

from ..errors import ConfigurationError
from ..routing.steering import IpAddress, Locate, Place

__all__ = ["open_database"]


def open_database(path: Path, *, setting: str = "database") -> Locate:
    """Return what looks addresses up in a database, which stays open.

    Args:
        path: of the database.
        setting: dotted name of the setting that named it, for the error.

    Raises:
        ConfigurationError: the file cannot be read, or is no such database.
    """
    try:
        # Mapped rather than read where the library can: a replaced file needs a restart, its old content stays valid.
        reader = maxminddb.open_database(path)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise ConfigurationError(setting, str(path), f"a database in MaxMind's format ({error})") from None

    def locate(address: IpAddress) -> Place | None:
        try:
            found = reader.get(address)
        except ValueError:  # an IPv6 address, and a database of IPv4 alone
            return None
        if not isinstance(found, dict):
            return None
        return Place(_code(found, "country", "iso_code"), _code(found, "continent", "code"))

    return locate


def _code(found: dict[str, object], part: str, name: str) -> str:
    inner = found.get(part)
    code = inner.get(name) if isinstance(inner, dict) else None
    return code if isinstance(code, str) else ""
