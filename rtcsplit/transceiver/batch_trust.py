"""How far batches may go with the media of one call before anything of the call is asked.

C opens a batch and takes the plain part of it by what it was told before (``csrc/rtp_session.h``). So whoever lets
something happen to a call catches up first, and renews what C was told afterwards, before the next batch.
"""

from __future__ import annotations

from ..media.rtp_session import RtpSession
from ..session.session import Session
from ..wire.address import Path
from .facts import pack_path

__all__ = ["BatchTrust"]


class BatchTrust:
    """What one call lets batches do.

    Args:
        session: says from where media may come.

    Attributes:
        echoes: each packet of audio goes back.
        delivers: the application wants the packets.
    """

    __slots__ = ("_heard_at", "_path", "_session", "delivers", "echoes")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._path: tuple[Path | None, bytes | None] = (None, None)
        self._heard_at = 0.0  # what happened in batches until then is known
        self.echoes = False
        self.delivers = True

    def catch_up(self, rtp: RtpSession) -> None:
        """Take note of what batches did."""
        heard_at, sent_at = rtp.catch_up()
        if heard_at != self._heard_at:
            self._heard_at = heard_at
            self._session.note_media(heard_at, sent_at)

    def renew(self, rtp: RtpSession, *, is_logged: bool) -> None:
        """Say what they may do from now on; a log wants to know of every packet."""
        path = self._session.media_path
        if path is not self._path[0]:
            self._path = (path, None if path is None else pack_path(path))
        rtp.entrust(self._path[1], echoes=self.echoes, delivers=self.delivers or is_logged)
