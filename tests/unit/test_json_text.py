"""JSON of strangers: one kind of error, and a bound of depth that holds before anything is decoded."""

from __future__ import annotations

import gc
import sys
from typing import Any

import msgspec
import pytest

from rtcsplit.wire.json_text import MAX_DEPTH, decode_json

ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
NUMBERS = msgspec.json.Decoder(list[int])


def nested(depth: int, opening: str = "[", inner: str = "1") -> str:
    return opening * depth + inner + {"[": "]", '{"a":': "}"}[opening] * depth


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_depth_is_bounded(opening: str) -> None:
    text = nested(MAX_DEPTH, opening)
    assert decode_json(text, ANYTHING) == decode_json(text.encode(), ANYTHING)
    for deep in (nested(MAX_DEPTH + 1, opening), nested(100_000, opening)):
        for form in (deep, deep.encode()):
            with pytest.raises(msgspec.DecodeError, match="deeper"):
                decode_json(form, ANYTHING)


def test_many_brackets_that_are_not_deep_are_taken() -> None:
    wide = [[{}]] * 1000
    assert decode_json(msgspec.json.encode(wide), ANYTHING) == wide
    quoted = ["[" * 1000, '\\"' + "{" * 1000, "\u00e9["]
    assert decode_json(msgspec.json.encode(quoted), ANYTHING) == quoted


@pytest.mark.parametrize(
    "text", ["", "[", "]" * 500, '"[', '"\\', "[" * 50 + '"' + "[" * 100, b"\xff", b'["\xff"]', b'"\xc3', "\ud800"]
)
def test_what_is_no_json_is_one_kind_of_error(text: str | bytes) -> None:
    with pytest.raises(msgspec.DecodeError) as raised:
        decode_json(text, ANYTHING)
    assert not isinstance(raised.value, msgspec.ValidationError)


def test_another_shape_is_a_validation_error() -> None:
    assert decode_json("[1]", NUMBERS) == [1]
    with pytest.raises(msgspec.ValidationError):
        decode_json('["1"]', NUMBERS)


def finalize(phase: str, info: object) -> None:
    """Needs some stack, as finalizers do."""
    descend(5)


def descend(left: int) -> None:
    if left:
        descend(left - 1)


def test_no_finalizer_is_lost_to_a_collection_in_the_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder at the end of the stack has collections begin there, in which nothing can run."""
    lost: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: lost.append(unraisable.exc_type))
    thresholds = gc.get_threshold()
    gc.callbacks.append(finalize)
    gc.set_threshold(5)
    try:
        with pytest.raises(msgspec.DecodeError):
            decode_json(nested(20_000, '{"a":'), ANYTHING)
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(finalize)
    assert not lost
