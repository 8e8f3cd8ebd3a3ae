"""Proves that the pacing run of talking calls works; ``make bench-voice`` is what measures it."""

from __future__ import annotations

import pytest

from .voice.__main__ import measure
from .voice.server import Options


def test_a_few_calls_talk_and_fall_silent(capsys: pytest.CaptureFixture[str]) -> None:
    measure(3, 0.5, Options(complexity=0, has_codec_thread=True, has_precedence=False))
    printed = capsys.readouterr().out
    assert "3 calls" in printed
    assert "0 underruns" in printed
    assert "flush to the fade" in printed
