"""Rounds of all contenders in turns, so that whatever else the machine does falls on all alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median

from .driven import DrivenRelay, Outcome, Traffic, driven_relay

__all__ = ["BELOW", "SITUATIONS", "Race", "flow_octets", "loss_free_rate"]

SITUATIONS = {
    "saturated, one way": Traffic("up", 0),
    "50,000/s, one way": Traffic("up", 50_000),
    "saturated, both ways": Traffic("both", 0),
    "echo, 20,000/s": Traffic("echo", 20_000),
}

BELOW = {
    f"{name}, {sizes} lengths": replace(traffic, sizes=sizes, millis=300)
    for sizes in ("equal", "mixed")
    for name, traffic in SITUATIONS.items()
    if traffic.what != "echo"
}
"""What takes fewer trips through the kernel depends on lengths."""

_TRIES = 2  # of a rate: on a shared machine a relay may not have run for longer than its buffer lasts
_RATES, _STEPS = (20_000, 640_000), 7
_AROUND, _STEPS_AROUND = 1.4, 5  # a rate that was found before: it is looked for near there


@dataclass
class Race:
    """The rounds of one situation.

    Attributes:
        name: of the situation.
        rounds: of each contender, the n-th ones one after the other.
    """

    name: str
    rounds: dict[str, list[Outcome]]

    @classmethod
    def run(cls, name: str, relays: Mapping[str, DrivenRelay], traffic: Mapping[str, Traffic], rounds: int) -> Race:
        """Let the relays take turns, each with its traffic, one turn of each to warm up."""
        race = cls(name, {contender: [] for contender in relays})
        for number in range(rounds + 1):
            for contender, relay in relays.items():
                outcome = relay.run(traffic[contender])
                if number > 0:
                    race.rounds[contender].append(outcome)
        return race

    def median_of(self, contender: str, figure: str) -> float:
        """Return the median round's figure, an attribute of :class:`Outcome`."""
        return median(getattr(outcome, figure) for outcome in self.rounds[contender])

    def ratio(self, contender: str, to: str, figure: str = "cpu_ns") -> float:
        """Return the median of the rounds' ratios."""
        pairs = zip(self.rounds[contender], self.rounds[to], strict=True)
        return median(getattr(ours, figure) / max(getattr(other, figure), 1) for ours, other in pairs)


def loss_free_rate(relay: DrivenRelay, millis: int, found: int | None = None) -> int:
    """Return the highest rate one way, within a few percent, of which every datagram arrives.

    Args:
        relay: is asked.
        millis: for how long, each time.
        found: what it was the last time.
    """
    (low, high), steps = (_RATES, _STEPS) if found is None else _near(found)
    for _ in range(steps):
        rate = round((low * high) ** 0.5)
        if any(_is_loss_free(relay.run(Traffic("up", rate, millis)), rate, millis) for _ in range(_TRIES)):
            low = rate
        else:
            high = rate
    return low


def _near(found: int) -> tuple[tuple[int, int], int]:
    return (round(found / _AROUND), round(found * _AROUND)), _STEPS_AROUND


def _is_loss_free(outcome: Outcome, rate: int, millis: int) -> bool:
    return outcome.arrived == outcome.sent and outcome.sent >= 0.99 * rate * millis / 1000


def flow_octets(contender: str, count: int) -> float:
    """Return how much memory a relay with room for so many flows takes for them, per flow."""
    with driven_relay(contender, count) as relay:
        before = relay.resident()
        relay.make_flows(count)
        return (relay.resident() - before) / count
