"""The key ring of ``[hint_keys]``, wherever it is written."""

from __future__ import annotations

from ..errors import ConfigurationError
from ..routing.hint import RoutingKeys
from .config import HintKeysSection
from .decode import decode_section
from .sources import read_toml

__all__ = ["minting_keys", "resolved", "routing_keys"]


def resolved(section: HintKeysSection) -> HintKeysSection:
    """Return the section with ``mint`` and ``secrets`` in it, from its file if it names one.

    Raises:
        ConfigurationError: the file cannot be used.
    """
    if section.file is None:
        return section
    table = read_toml("hint_keys.file", section.file)
    return decode_section("hint_keys", table, HintKeysSection, section.file.parent)


def routing_keys(section: HintKeysSection) -> RoutingKeys:
    """Return the key ring; it mints where the section says so.

    Raises:
        ConfigurationError: an id or a secret is not one, two secrets are equal, or the minting one is not there.
    """
    section = resolved(section)
    if section.mint is not None and str(section.mint) not in section.secrets:
        ids = ", ".join(section.secrets) or "it has none"
        raise ConfigurationError("hint_keys.mint", section.mint, f"an id in hint_keys.secrets ({ids})")
    return RoutingKeys.from_hex(section.secrets, section.mint, setting="hint_keys.secrets")


def minting_keys(section: HintKeysSection) -> RoutingKeys:
    """Return a key ring that mints.

    Raises:
        ConfigurationError: as :func:`routing_keys`, or nothing says which key mints.
    """
    if resolved(section).mint is None:
        raise ConfigurationError("hint_keys.mint", None, "the id of the secret that mints, 0..15")
    return routing_keys(section)
