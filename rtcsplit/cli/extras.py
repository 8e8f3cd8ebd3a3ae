"""Optional parts of the installation: what is missing is one clear line, not an ImportError."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator

from ..errors import MissingLibraryError

__all__ = ["needs_extra", "require_extra"]

_LIBRARIES = {
    "demo": (
        *("aiortc", "av", "httpx", "numpy", "opuslib", "prometheus_client", "python_multipart"),
        *("soxr", "starlette", "uvicorn", "websockets"),
    ),
    "dns": ("dns",),
    "gateway": ("numpy", "opuslib", "python_multipart", "soxr", "starlette", "uvicorn", "websockets"),
    "geo": ("maxminddb",),
    "metrics": ("starlette", "uvicorn", "prometheus_client"),
    "redis": ("redis",),
    "signaling": ("starlette", "uvicorn"),
    "top": ("prometheus_client", "rich"),
}


@contextlib.contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Around the imports of what ``pip install rtcsplit[EXTRA]`` installs.

    Raises:
        MissingLibraryError: one of its libraries is not installed; its ``remedy`` is the command.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in _LIBRARIES[extra]:
            raise
        raise MissingLibraryError(library, f"pip install 'rtcsplit[{extra}]'") from None


def require_extra(extra: str) -> None:
    """Refuse to go on without what ``pip install rtcsplit[EXTRA]`` installs, without importing it.

    Raises:
        MissingLibraryError: likewise.
    """
    for library in _LIBRARIES[extra]:
        if importlib.util.find_spec(library) is None:
            raise MissingLibraryError(library, f"pip install 'rtcsplit[{extra}]'")
