"""What a process that serves tells the garbage collector."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from rtcsplit.transceiver.garbage import collect_rarely


class Thing:
    """Something that refers to itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_exists_is_left_out_of_collections() -> None:
    known = Thing()
    collect_rarely()
    gone = weakref.ref(known)
    del known
    gc.collect()
    assert gone() is not None


def test_what_comes_later_is_collected() -> None:
    collect_rarely()
    gone = weakref.ref(Thing())
    gc.collect()
    assert gone() is None


def test_full_collections_alone_become_rarer() -> None:
    young, middle, full = gc.get_threshold()
    collect_rarely()
    assert gc.get_threshold()[:2] == (young, middle)
    assert gc.get_threshold()[2] > full
