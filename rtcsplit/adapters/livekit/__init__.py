"""Calls as audio input and output of LiveKit Agents (extra ``livekit``): docs/how-to/use-with-livekit.md."""

from __future__ import annotations

from ...errors import MissingLibraryError

try:
    import livekit.agents  # noqa: F401
except ImportError:
    raise MissingLibraryError("livekit-agents", "pip install 'rtcsplit[livekit]'") from None

from .audio_input import RtcsplitAudioInput
from .audio_output import RtcsplitAudioOutput
from .conversation import converse

__all__ = ["RtcsplitAudioInput", "RtcsplitAudioOutput", "converse"]
