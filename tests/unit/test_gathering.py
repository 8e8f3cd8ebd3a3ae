"""When the next batch is taken."""

from __future__ import annotations

import pytest

from rtcsplit.transceiver.gathering import Gathering


def after(share: float, *, longest: float = 0.004, wakeups: int = 400) -> float:
    """The pause after many wake-ups of a millisecond each, of which ``share`` was work."""
    gathering = Gathering(longest)
    for number in range(wakeups):
        gathering.handled(number / 1000, (number + share) / 1000)
    return gathering.pause


@pytest.mark.parametrize("share", [0.0, 0.005, 0.01])
def test_who_idles_takes_each_datagram_at_once(share: float) -> None:
    assert after(share) == 0.0


def test_the_busier_the_longer() -> None:
    pauses = [after(share) for share in (0.0625, 0.125, 0.1875, 0.25)]
    assert pauses == pytest.approx([0.001, 0.002, 0.003, 0.004], rel=0.05)


def test_from_a_quarter_of_full_load_on_batches_fill_by_themselves() -> None:
    assert after(1.0) == after(0.5) == 0.004


def test_nothing_waits_longer_than_is_allowed() -> None:
    gathering = Gathering(0.002)
    for _ in range(100):
        gathering.handled(5.0, 9.0)
    assert gathering.pause <= 0.002


def test_gathering_can_be_turned_off() -> None:
    assert after(1.0, longest=0.0) == 0.0


def test_a_quiet_second_ends_the_gathering() -> None:
    gathering = Gathering(0.004)
    for number in range(400):
        gathering.handled(number / 1000, (number + 0.9) / 1000)
    gathering.handled(1.5, 1.5001)
    assert gathering.pause == 0.0
