"""The alphabet and the lengths of ICE credentials."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from rtcsplit.routing.hint import Route, RoutingKeys, random_ufrag
from rtcsplit.wire.ice_chars import is_pwd, is_ufrag, random_pwd


@pytest.mark.parametrize(
    ("accepts", "least"), [pytest.param(is_ufrag, 4, id="ufrag"), pytest.param(is_pwd, 22, id="pwd")]
)
def test_peers_lengths_up_to_256(accepts: Callable[[str], bool], least: int) -> None:
    """C20 (RFC 8839 section 5.4)."""
    accepted = [size for size in range(300) if accepts(("aZ09+/" * 50)[:size])]
    assert accepted == list(range(least, 257))


@pytest.mark.parametrize("character", ["-", "=", "_", " ", ":", "\n", "\0", "é", "\u0661"])
@pytest.mark.parametrize("accepts", [is_ufrag, is_pwd])
def test_other_characters_are_refused(accepts: Callable[[str], bool], character: str) -> None:
    """C20: also where they come last, as a line end would."""
    good = "x" * 30
    assert accepts(good)
    assert not accepts(good + character)
    assert not accepts(character + good)


def test_own_credentials_have_alphabet_length_and_entropy() -> None:
    """C19 (RFC 8839 section 5.4, RFC 8445 section 5.3): 100,000 pairs, half of them keyed."""
    octets = random.Random(5).randbytes
    keys = RoutingKeys({0: bytes(32)}, minting=0)
    ufrags = [keys.mint(Route(1, 1), octets(5)) for _ in range(50_000)]
    ufrags += [random_ufrag(octets) for _ in range(50_000)]
    pwds = [random_pwd(octets) for _ in range(100_000)]
    assert all(map(is_ufrag, ufrags))
    assert all(map(is_pwd, pwds))
    assert {len(text) for text in ufrags + pwds} == {24}
    assert len(set(ufrags)) == len(set(pwds)) == 100_000
    for place in zip(*pwds, strict=True):  # 1,562 of each character on average; 6 standard deviations are 237
        counts = Counter(place).values()
        assert len(counts) == 64
        assert 1_325 < min(counts) <= max(counts) < 1_800
