"""The fuzz targets hold on their seeds and on changes of them, without the fuzzer: they are what they say they are."""

from __future__ import annotations

import importlib
import random

import pytest

from tests.fuzz import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_target_holds_on_its_seeds_and_near_them(name: str) -> None:
    target = importlib.import_module(f"tests.fuzz.{name}")
    chance = random.Random(name)
    for seed in target.seeds():
        target.run(seed)
        for _ in range(3):
            changed = bytearray(seed)
            for place in chance.choices(range(len(seed)), k=4):
                changed[place] = chance.randrange(256)
            target.run(bytes(changed))
