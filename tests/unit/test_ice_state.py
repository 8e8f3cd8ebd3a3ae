"""The table of states: complete, honest, and the one that the docs draw."""

from __future__ import annotations

from itertools import product
from pathlib import Path as File

import pytest

from rtcsplit.session.ice_check import Check
from rtcsplit.session.ice_path import PathSelection
from rtcsplit.session.ice_state import TRANSITIONS, Move, State, Trigger
from tests.ice_peer import AWAY, HOME

DOCS = File(__file__).parents[2] / "docs" / "explanation" / "ice.md"


def check(*, nominate: bool) -> Check:
    return Check(bytes(12), priority=1, is_nominating=nominate, nomination=None)


def fire(selection: PathSelection, trigger: Trigger, now: float = 0.0) -> None:
    match trigger:
        case Trigger.CHECKED | Trigger.NOMINATED:
            selection.check(check(nominate=trigger is Trigger.NOMINATED), AWAY, now)
        case Trigger.HANDSHAKE_ENDED:
            selection.handshake_ended(now)
        case Trigger.EXPIRED | Trigger.ENDED:
            selection.end(trigger)


def in_state(state: State) -> PathSelection:
    selection = PathSelection()
    if state is not State.WAITING:
        selection.check(check(nominate=False), HOME, 0.0)
    if state is State.SELECTED:
        selection.handshake_ended(0.0)
    if state is State.CLOSED:
        selection.end(Trigger.ENDED)
    assert selection.state is state
    return selection


def seen(selection: PathSelection) -> tuple[object, ...]:
    return selection.state, selection.path, selection.clients, selection.next_timer()


@pytest.mark.parametrize(("state", "trigger"), list(TRANSITIONS), ids=lambda member: member.name)
def test_a_transition_of_the_table_is_what_happens(state: State, trigger: Trigger) -> None:
    selection = in_state(state)
    fire(selection, trigger)
    following, move = TRANSITIONS[state, trigger]
    assert selection.state is following
    if move in (Move.AT_ONCE, Move.UNLESS_HELD):
        assert selection.path == AWAY
    elif following is not State.CLOSED:
        assert selection.path == HOME


@pytest.mark.parametrize(
    ("state", "trigger"),
    [pair for pair in product(State, Trigger) if pair not in TRANSITIONS],
    ids=lambda member: member.name,
)
def test_a_trigger_outside_the_table_changes_nothing(state: State, trigger: Trigger) -> None:
    """Style, section 7."""
    selection = in_state(state)
    before = seen(selection)
    fire(selection, trigger)
    assert seen(selection) == before


def test_every_state_but_the_last_can_be_left_and_every_one_reached() -> None:
    assert {state for state, _ in TRANSITIONS} == set(State) - {State.CLOSED}
    assert {following for following, _ in TRANSITIONS.values()} == set(State) - {State.WAITING}


def diagram() -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.WAITING.value}"]
    for (state, trigger), (following, move) in TRANSITIONS.items():
        effect = "" if move is Move.NEVER else f", path {move.value}"
        lines.append(f"    {state.value} --> {following.value}: {trigger.value}{effect}")
    return "\n".join([*lines, f"    {State.CLOSED.value} --> [*]", "```"])


def test_the_docs_draw_this_table() -> None:
    assert diagram() in DOCS.read_text("utf-8"), f"docs/explanation/ice.md has to contain:\n{diagram()}"
