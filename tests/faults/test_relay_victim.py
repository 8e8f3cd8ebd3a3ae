"""A client with a session of its own sends checks in a victim's name; the victim's call does not notice (T12, A14).

::

    victim ─────────────────────────► relay ──► transceiver of the victim
    attacker, with the victim's ─────►      ──► the same transceiver, or another one
      source address                            (an attacker's check is valid: it is of the attacker's own session)

A source address that is made up and one that is used are the same to a relay, so the victim's own socket sends the
attacker's checks here.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.mixed_calls import talking
from tests.relay_bench import request


@pytest.mark.parametrize("seconds", [1.0, pytest.param(30.0, marks=[pytest.mark.long, pytest.mark.timeout(120)])])
async def test_checks_in_a_victims_name_do_not_move_its_flow(seconds: float) -> None:
    """Sessions on the victim's transceiver and on another one, nominating checks, ten times a second each."""
    async with talking(2, 2) as mixed:
        victim, attacker = mixed.clients
        [also_victim, elsewhere] = mixed.calls.calls
        before = await mixed.reading()
        heard = len(victim.returned)
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            victim.send(attacker.binding_request())
            victim.send(request(elsewhere.ufrag + ":peer"))
            also_victim.client.send(attacker.binding_request(), mixed.listen)
            also_victim.client.send(request(elsewhere.ufrag + ":peer"), mixed.listen)
            await mixed.calls.run(0.1)
        returned = len(victim.returned) - heard
        after = await mixed.reading()
        lost = mixed.calls.lost
    print(
        f"\n{10 * seconds:.0f} checks of each kind: {returned} of the victim's packets back, {lost} lost of the other"
    )
    assert returned >= 40 * seconds  # of 50, each second; whatever is not the victim's own would not have opened
    assert lost == 0
    assert after.flow_events.get("moved", 0) == before.flow_events.get("moved", 0)
    assert after.flow_events["flow_conflict"] > before.flow_events.get("flow_conflict", 0)
    assert after.flows["confirmed"] == 4
