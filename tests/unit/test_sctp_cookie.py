"""State cookies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rtcsplit.session.sctp_cookie import COOKIE_LIFETIME, Cookie, CookieJar, PeerInit

PEER = PeerInit(0xDEADBEEF, 131_072, 1024, 2048, 0xFFFFFFFF, has_forward_tsn=True, has_re_config=False)


@pytest.mark.parametrize("peer", [PEER, replace(PEER, has_forward_tsn=False, has_re_config=True)])
def test_a_cookie_returns_what_was_sealed(peer: PeerInit) -> None:
    jar = CookieJar(bytes(32))
    assert jar.open(jar.seal(peer, 100.0), 100.5) == Cookie(peer, 0)


def test_any_changed_octet_spoils_a_cookie() -> None:
    """H4: each octet, and each length."""
    jar = CookieJar(bytes(32))
    cookie = jar.seal(PEER, 100.0)
    changed = [cookie[:n] + bytes([cookie[n] ^ 1]) + cookie[n + 1 :] for n in range(len(cookie))]
    shortened = [cookie[:n] for n in range(len(cookie))]
    assert [found for octets in (*changed, *shortened, cookie + b"\0") if (found := jar.open(octets, 100.0))] == []


def test_the_cookie_of_another_session_is_worth_nothing() -> None:
    """H4."""
    assert CookieJar(b"a" * 32).open(CookieJar(b"b" * 32).seal(PEER, 100.0), 100.0) is None


@pytest.mark.parametrize(("age", "staleness_us"), [(0, 0), (60, 0), (60.5, 500_000), (61, 1_000_000)])
def test_a_cookie_ages(age: float, staleness_us: int) -> None:
    """H4: 61 s."""
    assert COOKIE_LIFETIME == 60
    jar = CookieJar(bytes(32))
    cookie = jar.open(jar.seal(PEER, 100.0), 100.0 + age)
    assert cookie == Cookie(PEER, staleness_us)
    assert cookie.is_stale == bool(staleness_us)


@pytest.mark.parametrize(
    "peer",
    [
        replace(PEER, tag=0),
        replace(PEER, outbound_streams=0),
        replace(PEER, inbound_streams=0),
        replace(PEER, window=1),
    ],
)
def test_capabilities_are_checked_when_a_cookie_returns(peer: PeerInit) -> None:
    """H4: a cookie with a right tag and wrong values makes no association."""
    jar = CookieJar(bytes(32))
    assert jar.open(jar.seal(peer, 100.0), 100.0) is None
