"""Routing hint version 1: its vectors, what does not open, and the key ring."""

from __future__ import annotations

import string

import pytest
from cryptography.hazmat.primitives import hashes, hmac

from rtcsplit.errors import ConfigurationError, UsageError
from rtcsplit.routing.hint import OpenedHint, Route, RoutingKeys, random_ufrag
from tests import twins

S1 = bytes(range(32))
S2 = bytes(range(255, 223, -1))
K1 = (bytes.fromhex("e42833698da48f9e6e4c27213c73f7d9"), bytes.fromhex("5520e09115ed9670a606b18e18696920"))
K2 = (bytes.fromhex("2851e463cbe0d736d7e8bfe2e6a8d7b3"), bytes.fromhex("b7cbcee9059ef613e738f9ed9d1731cd"))
# secret, keys, key id, cluster, transceiver, nonce, ufrag: docs/reference/routing-hint.md
VECTORS = [
    (S1, K1, 0, 0, 0, "0000000000", "EIlD5iIAAAAAAO/Rzi8+w8ug"),
    (S1, K1, 1, 1, 2, "0102030405", "EceMMyQBAgMEBQhiKJ1mhcEw"),
    (S1, K1, 1, 1, 2, "0102030406", "ET+wlrMBAgMEBsBa93Ts5Hbd"),
    (S2, K2, 15, 65535, 65535, "ffffffffff", "H43XztP//////6caR2vaLjd8"),
    (S2, K2, 10, 258, 772, "a0b1c2d3e4", "GqbPKtWgscLT5MyAF6PvU1jV"),
]
Vector = tuple[bytes, tuple[bytes, bytes], int, int, int, str, str]
vectors = pytest.mark.parametrize("vector", VECTORS, ids=[vector[-1][:6] for vector in VECTORS])


@vectors
def test_vectors_mint_and_open(vector: Vector) -> None:
    """C21: layout, derivation, tag and mask."""
    secret, keys, key_id, cluster, transceiver, nonce, ufrag = vector
    ring = RoutingKeys({key_id: secret}, minting=key_id)
    assert ring.mint(Route(cluster, transceiver), bytes.fromhex(nonce)) == ufrag
    opened = OpenedHint(Route(cluster, transceiver), key_id, bytes.fromhex(nonce))
    assert ring.open(ufrag) == ring.open(ufrag.encode()) == opened
    assert twins.mint_hint(*keys, key_id, cluster, transceiver, bytes.fromhex(nonce)) == ufrag
    assert twins.open_hint({key_id: keys}, ufrag.encode()) == (key_id, cluster, transceiver, bytes.fromhex(nonce))


@pytest.mark.parametrize(("secret", "keys"), [(S1, K1), (S2, K2)], ids=["S1", "S2"])
def test_key_derivation_is_hkdf_written_out(secret: bytes, keys: tuple[bytes, bytes]) -> None:
    """RFC 5869 sections 2.2, 2.3, for one block and an empty salt."""

    def hmac_sha256(key: bytes, message: bytes) -> bytes:
        function = hmac.HMAC(key, hashes.SHA256())
        function.update(message)
        return function.finalize()

    pseudorandom_key = hmac_sha256(bytes(32), secret)
    infos = (b"rtcsplit hint v1 tag", b"rtcsplit hint v1 mask")
    assert keys == tuple(hmac_sha256(pseudorandom_key, info + b"\x01")[:16] for info in infos)


@vectors
def test_no_changed_character_opens(vector: Vector) -> None:
    """C21: each of the 24 characters in turn, by each other character of the alphabet and some outside."""
    ring = RoutingKeys({0: S1, 10: S2})
    ufrag = vector[-1]
    characters = string.ascii_letters + string.digits + "+/-_=:\0\n é"
    changed = [ufrag[:i] + c + ufrag[i + 1 :] for i in range(24) for c in characters if c != ufrag[i]]
    assert [text for text in changed if ring.open(text) is not None] == []


def test_other_versions_keys_and_lengths_do_not_open() -> None:
    """C21: no key of that id, the key of another id, other versions, 23 and 25 characters, nothing at all."""
    ring = RoutingKeys({1: S1, 2: S2}, minting=1)
    ufrag = ring.mint(Route(1, 2), bytes(5))
    assert ring.open(ufrag) is not None
    assert RoutingKeys({2: S1}).open(ufrag) is None
    assert RoutingKeys({1: S2}).open(ufrag) is None
    others = [ufrag[:-1], ufrag + "A", "", ufrag + "\n", "=" * 24, "A" * 24, "\udc80" * 24, ufrag.lower()]
    others += [first + ufrag[1:] for first in "ABCDFGHIQgw/"]
    assert [text for text in others if ring.open(text) is not None] == []


@pytest.mark.parametrize("version", [0, 2, 15])
def test_other_version_under_the_right_key_does_not_open(version: int) -> None:
    """C21: also where its tag is right."""
    assert RoutingKeys({1: S1}).open(twins.mint_hint(*K1, 1, 1, 2, bytes(5), version)) is None
    assert RoutingKeys({1: S1}).open(twins.mint_hint(*K1, 1, 1, 2, bytes(5), 1)) is not None


def test_all_keys_of_a_ring_open_and_one_mints() -> None:
    """C22, the ring's part: what the old key minted opens with the new ring, and no longer without it."""
    old = RoutingKeys({1: S1}, minting=1)
    both = RoutingKeys({1: S1, 2: S2}, minting=2)
    before, after = old.mint(Route(7, 8), bytes(5)), both.mint(Route(7, 8), bytes(5))
    assert [both.open(ufrag).key_id for ufrag in (before, after)] == [1, 2]  # type: ignore[union-attr]
    assert old.open(after) is None
    assert RoutingKeys({2: S2}).open(before) is None


def test_sixteen_keys_fit_and_all_open() -> None:
    secrets = {key_id: bytes([key_id]) * 32 for key_id in range(16)}
    ring = RoutingKeys(secrets)
    for key_id in range(16):
        ufrag = RoutingKeys(secrets, minting=key_id).mint(Route(1, key_id), bytes(5))
        assert ring.open(ufrag) == OpenedHint(Route(1, key_id), key_id, bytes(5))


@pytest.mark.parametrize(
    ("secrets", "minting"),
    [({}, None), ({16: S1}, None), ({-1: S1}, None), ({1: S1[:-1]}, None), ({1: S1, 2: S1}, None), ({1: S1}, 2)],
    ids=["none", "id 16", "id -1", "31 octets", "equal secrets", "minting without secret"],
)
def test_unusable_rings_are_refused(secrets: dict[int, bytes], minting: int | None) -> None:
    with pytest.raises(UsageError):
        RoutingKeys(secrets, minting)


@pytest.mark.parametrize(
    ("secrets", "minting", "key"),
    [
        ({"1": "00"}, 1, "hint_keys.secrets.1"),
        ({"1": S1.hex()[:-1] + "g"}, 1, "hint_keys.secrets.1"),
        ({"1": S1.hex() + "\n"}, 1, "hint_keys.secrets.1"),
        ({"1": 5}, 1, "hint_keys.secrets.1"),
        ({"16": S1.hex()}, None, "hint_keys.secrets"),
        ({"one": S1.hex()}, None, "hint_keys.secrets"),
        ({"1": S1.hex(), "01": S2.hex()}, 1, "hint_keys.secrets"),
        ({"1": S1.hex(), "2": S1.hex().upper()}, 1, "hint_keys.secrets.2"),
        ({"1": S1.hex()}, 2, "hint_keys.secrets"),
        ({}, None, "hint_keys.secrets"),
    ],
)
def test_unusable_configuration_names_the_key_and_shows_no_secret(
    secrets: dict[str, object], minting: int | None, key: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RoutingKeys.from_hex(secrets, minting, setting="hint_keys.secrets")
    assert caught.value.key == key
    assert S1.hex()[:8] not in str(caught.value).lower()


def test_hex_configuration_makes_the_same_ring() -> None:
    ring = RoutingKeys.from_hex({"1": S1.hex(), "15": S2.hex().upper()}, 1)
    assert ring.mint(Route(1, 2), bytes.fromhex("0102030405")) == "EceMMyQBAgMEBQhiKJ1mhcEw"
    assert ring.open("H43XztP//////6caR2vaLjd8") is not None


def test_wrong_calls_are_refused() -> None:
    ring = RoutingKeys({1: S1}, minting=1)
    with pytest.raises(UsageError):
        ring.mint(Route(1, 1), bytes(4))
    with pytest.raises(UsageError):
        RoutingKeys({1: S1}).mint(Route(1, 1), bytes(5))
    for ids in ((-1, 0), (0, 65536)):
        with pytest.raises(UsageError):
            Route(*ids)


def test_secrets_are_not_shown() -> None:
    assert repr(RoutingKeys({1: S1}, minting=1)) == "RoutingKeys(minting=1)"


@pytest.mark.parametrize("octet", [0x00, 0x0F, 0x1F, 0xFF])
def test_unkeyed_ufrag_is_never_taken_for_a_hint(octet: int) -> None:
    """C19: direct mode without keys; the first character is within A..D."""
    ufrag = random_ufrag(lambda size: bytes([octet]) * size)
    assert ufrag[0] in "ABCD"
    assert len(ufrag) == 24
    assert RoutingKeys({octet & 15: S1}).open(ufrag) is None
