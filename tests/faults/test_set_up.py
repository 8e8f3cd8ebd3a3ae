"""How many round trips a call takes to begin, on virtual time; ``make bench-setup`` measures it with real clients."""

from __future__ import annotations

import pytest

from rtcsplit.session.negotiation import DtlsRole

from ..calls import virtual_call
from ..link import Conditions

DELAY = 0.1
ROUND_TRIP = 2 * DELAY
MARKS = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "worst": 1.0}


@pytest.mark.parametrize(("role", "trips"), [(DtlsRole.CLIENT, 2), (DtlsRole.SERVER, 3)], ids=["active", "passive"])
@pytest.mark.parametrize("nominates", ["always", "first", "never"])
def test_audio_may_leave_so_many_round_trips_after_the_first_check(role: DtlsRole, trips: int, nominates: str) -> None:
    """C7, C8: check and answer, with our ClientHello behind it; its flight and ours: then the client has keys."""
    call = virtual_call(server_role=role, conditions=Conditions(delay=DELAY), nominates=nominates)
    begun = call.network.now
    call.connect()
    assert call.client.keys_at is not None
    assert (call.client.keys_at - begun) / ROUND_TRIP == pytest.approx(trips, abs=0.001)


@pytest.mark.parametrize("role", list(DtlsRole), ids=lambda role: role.value)
@pytest.mark.parametrize("loss", [0.0, 0.05, 0.2], ids=lambda loss: f"{loss:.0%}")
@pytest.mark.parametrize("count", [20, pytest.param(500, marks=pytest.mark.long)])
def test_lost_datagrams_delay_and_end_nothing(role: DtlsRole, loss: float, count: int) -> None:
    """C8, D9, D12: each call over another bad link; all begin, half of them within two round trips more."""
    taken = []
    for seed in range(count):
        call = virtual_call(server_role=role, conditions=Conditions(delay=DELAY, loss=loss), seed=seed)
        begun = call.network.now
        call.connect(limit=30.0)
        assert call.client.keys_at is not None
        taken.append((call.client.keys_at - begun) / ROUND_TRIP)
    best = 2 if role is DtlsRole.CLIENT else 3
    taken.sort()
    marks = ", ".join(f"{name} {taken[round(share * (count - 1))]:.1f}" for name, share in MARKS.items())
    print(f"we are the DTLS {role.value}, {loss:.0%} lost, {count} calls: round trips {marks}")
    assert taken[count // 2] <= best + (2 if loss else 0.001)
