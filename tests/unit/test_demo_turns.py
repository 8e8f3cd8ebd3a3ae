"""The demo's assistant notices who speaks: utterances by loudness, neither clicks nor pauses between words."""

from __future__ import annotations

from array import array

from rtcsplit.cli.demo.turns import RATE, Turn, TurnDetector

QUIET = array("h", [20, -20]) * (RATE // 100)  # 20 ms
LOUD = array("h", [3000, -3000]) * (RATE // 100)


def test_an_utterance_has_a_beginning_and_an_end() -> None:
    turns = TurnDetector()
    assert list(turns.hear(QUIET * 10 + LOUD * 20)) == [Turn(1, 200, None)]
    assert list(turns.hear(QUIET * 30)) == [Turn(1, 600, 0.4)]
    assert list(turns.hear(QUIET * 50 + LOUD * 5)) == [Turn(2, 2200, None)]


def test_a_click_is_no_utterance_and_a_pause_no_end() -> None:
    turns = TurnDetector()
    assert list(turns.hear(LOUD * 4 + QUIET * 10)) == []
    assert len(list(turns.hear(LOUD * 10 + QUIET * 29 + LOUD * 10))) == 1


def test_pieces_may_have_any_length() -> None:
    whole, pieces = TurnDetector(), TurnDetector()
    samples = QUIET * 7 + LOUD * 9 + QUIET * 40
    found = [turn for at in range(0, len(samples), 333) for turn in pieces.hear(samples[at : at + 333])]
    assert found == list(whole.hear(samples)) != []
