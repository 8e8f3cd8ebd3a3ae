"""Paths as the batch path packs them, and how many are remembered."""

from __future__ import annotations

from rtcsplit.transceiver.facts import CACHE_LIMIT, PathCache, pack_path
from rtcsplit.wire.address import Address, Path, Via

RELAY = Address.of("203.0.113.10", 3478)


def path_of(number: int, via: Via | None = None) -> Path:
    return Path(Address.of(f"198.51.{100 + number // 50_000}.7", 1 + number % 50_000), via)


def test_a_path_comes_back_as_one_object() -> None:
    cache = PathCache()
    for path in (path_of(1), path_of(1, Via(RELAY, RELAY))):
        known = cache.unpack(pack_path(path))
        assert known == path
        assert cache.unpack(pack_path(path)) is known
        assert cache.pack(known) == cache.pack(path) == pack_path(path)


def test_a_full_cache_stays_full_and_forgets_the_oldest() -> None:
    cache = PathCache()
    packed = [pack_path(path_of(number)) for number in range(CACHE_LIMIT + 2)]
    first, second, third = (cache.unpack(octets) for octets in packed[:3])
    for octets in packed[3:]:
        cache.unpack(octets)
    assert len(cache) == CACHE_LIMIT
    assert cache.unpack(packed[2]) is third
    assert cache.unpack(packed[0]) is not first
    assert cache.pack(second) == packed[1]
    assert len(cache) == CACHE_LIMIT
