"""The C parsers without Python in between: ``native/loops.c`` as ``make bench`` builds it."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

REPEATS = 20
_LIBRARY = Path(__file__).parents[1] / "build" / "bench" / "loops.so"


class _Datagrams(ctypes.Structure):
    _fields_ = (
        ("octets", ctypes.c_char_p),
        ("offsets", ctypes.POINTER(ctypes.c_uint32)),
        ("count", ctypes.c_size_t),
        ("repeats", ctypes.c_size_t),
    )


def loop(name: str, datagrams: Sequence[bytes], argument: bytes | None = None) -> Callable[[], int]:
    """Return a call that runs ``name`` over all datagrams ``REPEATS`` times and returns how many it accepted."""
    if not _LIBRARY.exists():
        pytest.skip("build/bench/loops.so is missing: run `make bench`")
    function = ctypes.CDLL(str(_LIBRARY))[name]
    function.restype = ctypes.c_size_t
    offsets = list(itertools.accumulate(map(len, datagrams), initial=0))
    offset_array = (ctypes.c_uint32 * len(offsets))(*offsets)
    batch = _Datagrams(b"".join(datagrams), offset_array, len(datagrams), REPEATS)
    arguments = [ctypes.byref(batch)] if argument is None else [ctypes.byref(batch), ctypes.c_char_p(argument)]
    return lambda: function(*arguments)
