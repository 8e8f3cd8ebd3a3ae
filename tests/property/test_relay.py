"""Whatever arrives on either side, at whatever time: a datagram goes whole to where it may go, or is counted."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rtcsplit.drops import DropReason
from rtcsplit.wire import spp
from rtcsplit.wire.address import Address
from tests.relay_bench import CLIENT, DTLS, FIRST, INTERNAL, RTP, SECOND, Decisions, check, decisions, success

OTHER = Address.of("2001:db8::7", 4000)
LOOPBACK = Address.of("127.0.0.1", 4000)
CHECKS = [check(route) for route in (FIRST, SECOND)]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good datagram with some octets changed, cut off or added."""
    datagram = bytearray(draw(st.sampled_from([*CHECKS, DTLS, RTP, success()])))
    for _ in range(draw(st.integers(0, 4))):
        datagram[draw(st.integers(0, len(datagram) - 1))] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, len(datagram)))
    return bytes(datagram[: draw(st.sampled_from([len(datagram), cut]))]) + draw(st.binary(max_size=8))


datagrams = st.one_of(st.binary(max_size=120), mutated())
ups = st.tuples(st.just("up"), datagrams, st.sampled_from([CLIENT, OTHER]), st.just(FIRST), st.integers(0, 1))
downs = st.tuples(
    st.just("down"),
    datagrams,
    st.sampled_from([CLIENT, OTHER, LOOPBACK]),
    st.sampled_from([FIRST, SECOND]),
    st.integers(0, 1),
)
waits = st.integers(0, 70_000)
steps = st.lists(st.one_of(ups, downs, waits), max_size=40)


def take(relay: Decisions, step: tuple[str, bytes, Address, object, int]) -> DropReason | None:
    """Let the relay decide, and check what it does with what it forwards."""
    direction, datagram, client, route, worker = step
    if direction == "up":
        [outcome] = relay.up(datagram, client=client, worker=worker)
        if not isinstance(outcome, DropReason):
            assert outcome[0] == datagram
            assert outcome[1] in INTERNAL.values()
    else:
        [outcome] = relay.down(datagram, client=client, route=route, worker=worker)
        if not isinstance(outcome, DropReason):
            assert outcome == (datagram, client)
            assert client != LOOPBACK
            assert datagram[:2] != spp.MAGIC
    return outcome if isinstance(outcome, DropReason) else None


@settings(max_examples=150, deadline=None)
@given(steps=steps, start=st.integers(0, 0xFFFFFFFF))
def test_every_datagram_is_forwarded_whole_or_counted_once(steps, start) -> None:
    with decisions(workers=2, confirmed_flows=2, now_ms=start) as relay:
        for step in steps:
            if isinstance(step, int):
                relay.now_ms += step
                continue
            before = relay.counted()
            drop = take(relay, step)
            after = relay.counted()
            assert sum(after.values()) - sum(before.values()) == 1
            assert after[drop] == before[drop] + 1
            embryonic, confirmed = relay.flows()
            assert embryonic <= 4
            assert confirmed <= 4
