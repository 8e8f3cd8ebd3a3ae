"""Describes the C packet path to cffi: one declaration file in ``cdef/`` per header of ``csrc/``.

API mode: the C compiler checks every declaration against the header it stands for. Run by setuptools through
``cffi_modules`` in setup.py; nothing imports this at run time.
"""

from __future__ import annotations

import os
from pathlib import Path

from cffi import FFI

__all__ = ["ffibuilder"]

# A header may use the types of those before it.
MODULES = (
    *("drop", "status", "wire", "address", "classify", "siphash", "stun", "hint", "spp", "rtp"),
    *("encode_batch", "pause"),
    *("payload", "rtp_source", "rtp_stream", "network", "udp_batch", "fact", "arrivals", "sent_packets", "rtp_session"),
    *("srtp", "session_table", "rtp_batch", "srtp_batch", "path_socket", "path_reader"),
    *("flow_table", "flow_ring", "flow_scan", "flow_cache_value", "counters", "routing", "seats", "relay", "spread"),
)

_ROOT = Path(__file__).resolve().parents[2]
_CDEF = Path(__file__).resolve().parent / "cdef"
_FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O3", "-Wall", "-Wextra", "-pthread"]

ffibuilder = FFI()
for module in MODULES:
    ffibuilder.cdef((_CDEF / f"{module}.h").read_text())

ffibuilder.set_source(
    "rtcsplit._native._rtcsplit",
    "\n".join(f'#include "{module}.h"' for module in MODULES),
    # setuptools wants sources relative to setup.py, which is where it runs
    sources=sorted(f"csrc/{path.name}" for path in (_ROOT / "csrc").glob("*.c")),
    include_dirs=["csrc"],
    depends=sorted(f"csrc/{path.name}" for path in (_ROOT / "csrc").glob("*.h")),
    extra_compile_args=[*_FLAGS, *os.environ.get("RTCSPLIT_CFLAGS", "").split()],
    extra_link_args=["-pthread"],
)
