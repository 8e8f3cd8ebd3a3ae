"""The routing hint: a server ufrag that names a transceiver to whoever holds a key.

Layout, key derivation and vectors: docs/reference/routing-hint.md. A hint authenticates a route and nothing else: a
session is protected by its ICE password and by DTLS.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .._native.flow_cache import CacheKeys
from .._native.hint import MAX_KEYS, NONCE_SIZE, HintKeys
from ..errors import ConfigurationError, UsageError

__all__ = ["NONCE_SIZE", "OpenedHint", "Route", "RoutingKeys", "random_ufrag"]

_SECRET_SIZE = 32
_HEX_SECRET = re.compile(rf"[0-9A-Fa-f]{{{2 * _SECRET_SIZE}}}")
_UNKEYED_OCTETS = 18
_MAC_SIZE = 16
_CACHE_INFO = b"rtcsplit cache v1"
_ANNOUNCEMENT_INFO = b"rtcsplit announcement v1"


@dataclass(frozen=True, slots=True)
class Route:
    """Which transceiver: what a hint carries and a directory resolves.

    Attributes:
        cluster: 0..65535.
        transceiver: 0..65535, unique within its cluster.

    Raises:
        UsageError: an id is out of range.
    """

    cluster: int
    transceiver: int

    def __post_init__(self) -> None:
        if not (0 <= self.cluster <= 0xFFFF and 0 <= self.transceiver <= 0xFFFF):
            raise UsageError(f"the ids of {self} are not within 0..65535")

    def __str__(self) -> str:
        return f"{self.cluster}/{self.transceiver}"


@dataclass(frozen=True, slots=True)
class OpenedHint:
    """What a ufrag says that opened.

    Attributes:
        route: where it leads.
        key_id: which key of the ring opened it.
        nonce: the session's 5 octets.
    """

    route: Route
    key_id: int
    nonce: bytes


class RoutingKeys:
    """A key ring: up to 16 secrets by key id. All of them open hints, one mints.

    Immutable: to rotate keys, make another ring and hand it to the relays first, then to the transceivers.

    Attributes:
        native: the C form, for the relay's workers.
        cache: K_cache of each secret, for :mod:`rtcsplit.relay.flow_cache`.
        minting: id of the key that mints, None in a ring that only opens.
    """

    def __init__(self, secrets: Mapping[int, bytes], minting: int | None = None) -> None:
        """Derive the keys.

        Args:
            secrets: 32 octets by key id 0..15.
            minting: the id to mint with.

        Raises:
            UsageError: no secret, an id above 15, a secret of another length, the same secret twice, or a minting id
                without a secret.
        """
        if not secrets or any(not 0 <= key_id < MAX_KEYS for key_id in secrets):
            raise UsageError(f"a key ring has 1..{MAX_KEYS} secrets with ids within 0..{MAX_KEYS - 1}")
        if any(len(secret) != _SECRET_SIZE for secret in secrets.values()):
            raise UsageError(f"a secret has {_SECRET_SIZE} octets")
        if _repeated(secrets) is not None:
            raise UsageError("two key ids have the same secret")
        if minting is not None and minting not in secrets:
            raise UsageError(f"there is no secret for the minting key {minting}")
        self.minting = minting
        self.native = HintKeys({key_id: _derive_keys(secret) for key_id, secret in secrets.items()})
        self.cache = CacheKeys({key_id: _derive(secret, _CACHE_INFO) for key_id, secret in secrets.items()})
        self._signing = {key_id: _derive(secret, _ANNOUNCEMENT_INFO) for key_id, secret in secrets.items()}

    @classmethod
    def from_hex(
        cls, secrets: Mapping[str, object], minting: int | None = None, *, setting: str = "keys"
    ) -> RoutingKeys:
        """Return the ring of a configuration, where each secret is 64 hex digits and each id a decimal string.

        Args:
            setting: dotted name of the table, for the error.

        Raises:
            ConfigurationError: names the entry at fault; a secret is never part of the message.
        """
        if not secrets:
            raise ConfigurationError(setting, None, f"1..{MAX_KEYS} secrets, each with an id 0..{MAX_KEYS - 1}")
        ring: dict[int, bytes] = {}
        for name, text in secrets.items():
            if not (name.isascii() and name.isdigit() and len(name) <= 2 and int(name) < MAX_KEYS):
                raise ConfigurationError(setting, name, f"key ids 0..{MAX_KEYS - 1}")
            if int(name) in ring:
                raise ConfigurationError(setting, name, "each key id once")
            if not isinstance(text, str) or not _HEX_SECRET.fullmatch(text):
                raise ConfigurationError(f"{setting}.{name}", "(hidden)", f"{2 * _SECRET_SIZE} hex digits")
            ring[int(name)] = bytes.fromhex(text)
        repeated = _repeated(ring)
        if repeated is not None:
            raise ConfigurationError(f"{setting}.{repeated}", "(hidden)", "a secret that no other key id has")
        try:
            return cls(ring, minting)
        except UsageError as error:
            raise ConfigurationError(setting, sorted(ring), str(error)) from None

    def mint(self, route: Route, nonce: bytes) -> str:
        """Return the server ufrag that carries ``route``.

        Args:
            route: where the relay shall send what names this ufrag.
            nonce: 5 octets, unique among the transceiver's live sessions.

        Returns:
            24 ice-chars (RFC 8839 section 5.4), ready for ``a=ice-ufrag``; the first one is within E..H.

        Raises:
            UsageError: the nonce has not 5 octets, or this ring only opens; nothing was minted.
        """
        if self.minting is None:
            raise UsageError("this key ring opens hints and mints none")
        return self.native.mint(self.minting, route.cluster, route.transceiver, nonce)

    def open(self, ufrag: str | bytes) -> OpenedHint | None:
        """Return what a ufrag says, None where it is no hint of this ring: too long, another alphabet, key or tag."""
        if isinstance(ufrag, str):
            ufrag = ufrag.encode("utf-8", "surrogatepass")
        hint = self.native.open(ufrag)
        if hint is None:
            return None
        return OpenedHint(Route(hint.cluster, hint.transceiver), hint.key_id, hint.nonce)

    def sign(self, text: bytes) -> tuple[int, bytes]:
        """Return the minting key's id, and a MAC of 16 octets (HMAC-SHA-256) by which other holders know ``text``.

        Raises:
            UsageError: this ring only opens.
        """
        if self.minting is None:
            raise UsageError("this key ring opens hints and signs nothing")
        return self.minting, self._mac(self.minting, text)

    def is_signed(self, text: bytes, key_id: int, mac: bytes) -> bool:
        """Whether :meth:`sign` of a ring that shares this secret made ``mac`` for ``text``."""
        return key_id in self._signing and hmac.compare_digest(self._mac(key_id, text), mac)

    def _mac(self, key_id: int, text: bytes) -> bytes:
        return hmac.digest(self._signing[key_id], text, "sha256")[:_MAC_SIZE]

    def __repr__(self) -> str:
        return f"RoutingKeys(minting={self.minting})"


def random_ufrag(random: Callable[[int], bytes]) -> str:
    """Return a server ufrag that carries nothing, for a transceiver without keys (direct mode).

    24 ice-chars whose first one is within A..D, which no version 1 hint begins with.

    Args:
        random: returns that many unpredictable octets; production passes ``secrets.token_bytes``.
    """
    octets = random(_UNKEYED_OCTETS)
    return base64.b64encode(bytes([octets[0] & 0x0F]) + octets[1:]).decode("ascii")


def _derive_keys(secret: bytes) -> tuple[bytes, bytes]:
    """K_tag and K_mask (RFC 5869)."""
    return _derive(secret, b"rtcsplit hint v1 tag"), _derive(secret, b"rtcsplit hint v1 mask")


def _derive(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=16, salt=b"", info=info).derive(secret)


def _repeated(secrets: Mapping[int, bytes]) -> int | None:
    """An id whose secret an earlier id has."""
    earlier: list[bytes] = []
    for key_id, secret in secrets.items():
        if any(hmac.compare_digest(secret, other) for other in earlier):
            return key_id
        earlier.append(secret)
    return None
