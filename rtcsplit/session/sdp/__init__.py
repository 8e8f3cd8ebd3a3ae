"""Session descriptions as an answerer: :func:`parse_offer`, :func:`build_answer`.

``grammar`` cuts the text into lines, ``transport``, ``rtp_format``, ``extension`` and ``candidate`` read one kind of
attribute each, ``offer`` puts them together, ``answer`` chooses and writes. Text comes in, text goes out: no socket,
no name is resolved. docs/reference/sdp.md says what is answered and what is refused.
"""

from __future__ import annotations

from .answer import Answer, build_answer
from .local import LocalDescription, LocalSetup
from .offer import MediaSection, Offer, parse_offer

__all__ = ["Answer", "LocalDescription", "LocalSetup", "MediaSection", "Offer", "build_answer", "parse_offer"]
