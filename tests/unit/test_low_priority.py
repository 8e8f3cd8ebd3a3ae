"""Work that other threads of the machine go before, and whose priority is nobody else's."""

from __future__ import annotations

import os
import threading

from rtcsplit.cli.low_priority import at_low_priority


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_only_the_work_steps_back():
    before, seen = priority(), []
    at_low_priority(lambda: seen.append(priority()))
    later = threading.Thread(target=lambda: seen.append(priority()))
    later.start()
    later.join()
    assert seen == [min(before + 10, 19), before]
    assert priority() == before


def test_what_the_work_raises_is_lost(monkeypatch):
    raised = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    at_low_priority(lambda: 1 // 0)
    assert raised == []
