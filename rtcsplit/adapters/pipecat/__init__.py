"""Calls as a transport of pipecat (extra ``pipecat``): docs/how-to/use-with-pipecat.md."""

from __future__ import annotations

from ...errors import MissingLibraryError

try:
    import pipecat  # noqa: F401
except ImportError:
    raise MissingLibraryError("pipecat-ai", "pip install 'rtcsplit[pipecat]'") from None

from .application import PipecatApplication, voice_settings
from .client import PipecatClient
from .transport import RtcsplitTransport

__all__ = ["PipecatApplication", "PipecatClient", "RtcsplitTransport", "voice_settings"]
