"""A voice application of the operator's own in the gateway's process: found by name, checked before anything runs."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from .extras import needs_extra

if TYPE_CHECKING:
    from ..gateway.voice import VoiceApplication
    from ..gateway.voice_session import VoiceSession
    from .config import BackendSection

__all__ = ["handler_application"]

_KEY = "backend.handler"
_EXPECTED = '"MODULE:NAME" of a coroutine function, a VoiceHandler or a VoiceApplication'


def handler_application(section: BackendSection, folder: Path) -> VoiceApplication:
    """Return the application that answers calls with the section's handler.

    Args:
        section: with a handler.
        folder: of the configuration file; modules are looked for there first.

    Raises:
        ConfigurationError: there is no such thing, or it is no handler; what its module raises while it is imported
            is raised as it is.
    """
    with needs_extra("gateway"):
        from ..gateway.voice import VoiceApplication, VoiceHandler

    assert section.handler is not None
    found = _load(section.handler, folder)
    if isinstance(found, VoiceApplication):
        return found
    if inspect.isclass(found) and issubclass(found, VoiceHandler):
        found = found.serve
    if not inspect.iscoroutinefunction(found):
        raise ConfigurationError(_KEY, section.handler, _EXPECTED)
    return _application(found, section)


def _application(handler: Any, section: BackendSection) -> VoiceApplication:
    from ..gateway.call_limit import CallLimit
    from ..gateway.voice import VoiceApplication
    from ..gateway.voice_settings import VoiceSettings
    from ..media.playout_events import PlayoutSettings
    from ..signaling.first_of import first_of

    async def serve(session: VoiceSession) -> None:
        await first_of(handler(session), CallLimit(section.call_seconds).wait())

    settings = VoiceSettings(
        input_rate=section.audio_in_rate if section.audio_in == "pcm16" else None,
        transcript_rate=section.audio_in_rate,
        output_rate=section.audio_out_rate if section.audio_out == "pcm16" else None,
        playout=PlayoutSettings(capacity=section.playout_seconds),
    )
    return VoiceApplication(serve, settings)


def _load(reference: str, folder: Path) -> object:
    module, _, name = reference.partition(":")
    if not name or not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        raise ConfigurationError(_KEY, reference, _EXPECTED)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        found: object = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # something that the module itself imports
        raise ConfigurationError(_KEY, reference, f"a module in {folder} or installed; there is no {module}") from None
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
