"""Session descriptions as an answerer: :func:`parse_offer`, :func:`build_answer`; ICE alone: :func:`parse_fragment`.

``grammar`` cuts the text into lines, ``transport``, ``rtp_format``, ``extension`` and ``candidate`` read one kind of
attribute each, ``offer`` puts them together, ``answer`` chooses and writes, ``offer_answer`` keeps what was agreed for
the next offer. ``fragment`` is what trickle ICE and ICE restarts exchange. Text comes in, text goes out: no socket, no
name is resolved. docs/reference/sdp.md says what is answered and what is refused.
"""

from __future__ import annotations

from .answer import Answer, build_answer
from .fragment import Fragment, build_fragment, parse_fragment
from .local import LocalDescription, LocalSetup
from .offer import MediaSection, Offer, parse_offer
from .offer_answer import OfferAnswer

__all__ = [
    "Answer",
    "Fragment",
    "LocalDescription",
    "LocalSetup",
    "MediaSection",
    "Offer",
    "OfferAnswer",
    "build_answer",
    "build_fragment",
    "parse_fragment",
    "parse_offer",
]
