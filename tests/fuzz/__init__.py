"""Coverage-guided fuzzing of what is in Python: ``make fuzz`` runs each target beside those in C.

A target is a module with ``run(octets)``, which raises nothing but an ``AssertionError`` whatever the octets are, and
``seeds()``, inputs to begin with. ``tests/unit/test_fuzz_targets.py`` runs them without the fuzzer. They are named and
not imported here: what is to guide the fuzzer has to be imported under its eyes.
"""

from __future__ import annotations

__all__ = ["TARGETS"]

TARGETS = ("rtp_session", "sctp", "sdp", "session")
