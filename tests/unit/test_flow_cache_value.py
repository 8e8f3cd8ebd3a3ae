"""What the flow cache stores, against a second program that reads the same page."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rtcsplit._native.flow_cache import VALUE_SIZE, CacheKeys
from rtcsplit._native.siphash import siphash24
from rtcsplit.errors import UsageError
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.wire.address import Address

SECRET = bytes(range(32))
RING = RoutingKeys({1: SECRET, 9: SECRET[::-1]}, 9)
CLIENTS = [Address.of("198.51.100.7", 50000), Address.of("2001:db8::7", 1)]
K_CACHE = HKDF(algorithm=SHA256(), length=16, salt=b"", info=b"rtcsplit cache v1").derive(SECRET[::-1])


def minted(ring: RoutingKeys = RING) -> bytes:
    """The octets of a hint for transceiver 2 of cluster 1."""
    hint = ring.native.open(ring.mint(Route(1, 2), b"nonce").encode())
    assert hint is not None
    return hint.raw


def twin(client: Address, hint: bytes, expiry: int) -> bytes:
    fields = b"\x01" + hint + struct.pack(">I", expiry)
    return fields + siphash24(K_CACHE, client.ip + struct.pack(">H", client.port) + fields)


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_value_is_what_the_page_says(client):
    value = RING.cache.build(client, minted(), 0x0A0B0C0D)
    assert value == twin(client, minted(), 0x0A0B0C0D)
    assert len(value) == VALUE_SIZE == 31


def test_vector_of_the_reference_page():
    ring = RoutingKeys({1: SECRET}, 1)
    hint = ring.native.open(b"EceMMyQBAgMEBQhiKJ1mhcEw")
    assert hint is not None
    value = ring.cache.build(CLIENTS[0], hint.raw, 2_000_000_000)
    assert value.hex() == VECTOR


VECTOR = "0111c78c332401020304050862289d6685c130773594007923e2752001eb81"


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_value_opens_for_its_client_until_it_expires(client):
    value = RING.cache.build(client, minted(), 1000)
    opened = RING.cache.open(RING.native, client, value, 999)
    assert opened is not None
    assert (opened.raw, opened.cluster, opened.transceiver, opened.key_id) == (minted(), 1, 2, 9)
    assert RING.cache.open(RING.native, client, value, 1000) is None
    others = [client._replace(port=client.port + 1), CLIENTS[client == CLIENTS[0]]]
    assert [RING.cache.open(RING.native, other, value, 0) for other in others] == [None, None]


def test_whoever_writes_to_redis_makes_no_entry():
    """T16: every octet of a value counts, and a value of another ring is none."""
    client, value = CLIENTS[0], RING.cache.build(CLIENTS[0], minted(), 1000)
    forged = [value[:i] + bytes([value[i] ^ 1]) + value[i + 1 :] for i in range(VALUE_SIZE)]
    forged += [value[:-1], value + b"\0", b"", bytes(VALUE_SIZE), value * 1000]
    stranger = RoutingKeys({9: SECRET}, 9)
    forged.append(stranger.cache.build(client, minted(stranger), 1000))
    assert [opened for text in forged if (opened := RING.cache.open(RING.native, client, text, 0))] == []


def test_value_of_a_removed_key_does_not_open():
    value = RING.cache.build(CLIENTS[0], minted(), 1000)
    without = RoutingKeys({1: SECRET})
    assert without.cache.open(without.native, CLIENTS[0], value, 0) is None


def test_wrong_arguments_are_refused():
    for arguments in ((CLIENTS[0], b"short", 1), (CLIENTS[0], minted(), -1), (CLIENTS[0], minted(), 1 << 32)):
        with pytest.raises(UsageError):
            RING.cache.build(*arguments)
    for keys in ({16: bytes(16)}, {1: bytes(15)}):
        with pytest.raises(UsageError):
            CacheKeys(keys)
