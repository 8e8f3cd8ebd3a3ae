"""ICE restarts in any order with checks and time: a ufrag is answered from its restart until it retires."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rtcsplit.drops import DropReason
from rtcsplit.session.events import IceRestarted, PathChanged, UfragRetired
from rtcsplit.session.ice_state import State
from rtcsplit.session.negotiation import IceCredentials
from tests.ice_peer import AWAY, CLIENT, HOME, SERVER, THIRD, connected

STEPS = st.lists(
    st.one_of(
        st.just(("restart",)),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 0.6, 1.0, 3.0, 7.0])),
        st.tuples(st.just("check"), st.integers(0, 5), st.sampled_from([HOME, AWAY, THIRD]), st.booleans()),
    ),
    max_size=25,
)


@given(STEPS)
@settings(max_examples=300)
def test_a_ufrag_is_answered_until_it_retires(steps: list[tuple]) -> None:
    """C18, B11: at most three at a time, in the order of their restarts; the path is always one that was checked."""
    peer = connected()
    made = [SERVER]
    checked = {HOME}
    for step in steps:
        if step[0] == "restart":
            made.append(IceCredentials(f"EceMMyQBAgMEBQhiKJ1mhc{len(made):02}", f"serverPasswordNumber{len(made):02}"))
            peer.ice.restart(made[-1], CLIENT)
            peer.drain()
        elif step[0] == "wait":
            peer.at(peer.now - peer.start + step[1])
            if peer.ice.state is State.CLOSED:
                break  # thirty seconds without a check
        elif step[1] < len(made):
            local = made[-1 - step[1]]
            names = f"{local.ufrag}:{CLIENT.ufrag}".encode()
            retired = {event.ufrag for _, event in peer.events if isinstance(event, UfragRetired)}
            verdict = peer.send(peer.check(names=names, key=local.pwd.encode(), nominate=step[3]), step[2])
            assert verdict is (DropReason.STUN_UNAUTHORIZED if local.ufrag in retired else None)
            checked |= set() if verdict else {step[2]}
        retired_ufrags = [event.ufrag for _, event in peer.events if isinstance(event, UfragRetired)]
        assert len(made) - len(retired_ufrags) <= 3
        assert len(set(retired_ufrags)) == len(retired_ufrags)
        assert made[-1].ufrag not in retired_ufrags
        assert peer.ice.path in checked
    restarted = [event.ufrag for _, event in peer.events if isinstance(event, IceRestarted)]
    order = [local.ufrag for local in made]
    assert [order.index(ufrag) for ufrag in restarted] == sorted({order.index(ufrag) for ufrag in restarted})
    assert all(event.path in checked for _, event in peer.events if isinstance(event, PathChanged))
