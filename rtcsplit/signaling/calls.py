"""The calls that signaling has opened, by the random part of their URL, with their owners and caps."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..errors import OverloadError
from ..transceiver.accepted_call import AcceptedCall
from .auth import Owner
from .ice_session import IceSession

__all__ = ["Call", "CallTable"]

_ID_OCTETS = 17  # 128 random bits: nobody guesses another's URL. One more octet may say where the call lives


@dataclass(slots=True, eq=False)
class Call:
    """One call, from before its offer is looked at until it has ended.

    Attributes:
        id: last segment of its URL; says nothing about ufrag, time or client.
        owner: who opened it.
        call_id: the acceptor's name for it, None until it has accepted.
        ice: its ICE session as HTTP sees it, None until then.
    """

    id: str
    owner: Owner
    call_id: str | None = None
    ice: IceSession | None = None


class CallTable:
    """The open calls. Caps count calls from the moment they are asked for, so that a burst cannot pass them.

    Args:
        random: returns that many random octets.
        max_calls: calls at a time, all owners together.
        max_calls_per_owner: calls at a time of one token; anonymous ones have no owner to count for.
    """

    def __init__(self, random: Callable[[int], bytes], max_calls: int, max_calls_per_owner: int) -> None:
        self._random = random
        self._max_calls = max_calls
        self._max_calls_per_owner = max_calls_per_owner
        self._calls: dict[str, Call] = {}
        self._count: Counter[Owner] = Counter()

    def __len__(self) -> int:
        return len(self._calls)

    def open(self, owner: Owner) -> Call:
        """Return a new call.

        Raises:
            OverloadError: a cap is reached; nothing was opened.
        """
        if len(self._calls) >= self._max_calls:
            raise OverloadError("the server has as many sessions as it takes")
        if owner and self._count[owner] >= self._max_calls_per_owner:
            raise OverloadError("this token has as many sessions as it may")
        call = Call(urlsafe_b64encode(self._random(_ID_OCTETS)).rstrip(b"=").decode(), owner)
        self._calls[call.id] = call
        self._count[owner] += 1
        return call

    async def accept(self, call: Call, accept: Callable[[Callable[[], None]], Awaitable[AcceptedCall]]) -> AcceptedCall:
        """Have ``call`` made; whatever goes wrong, it is forgotten.

        Args:
            call: open.
            accept: makes it, given what is to be called when it has ended.
        """

        def forget() -> None:
            self.end(call)

        try:
            accepted = await accept(forget)
        except BaseException:
            forget()
            raise
        call.call_id = accepted.call_id
        return accepted

    def find(self, id_: str, owner: Owner) -> Call | None:
        """Return the accepted call of ``owner`` with that id; another's call is as unknown as none."""
        call = self._calls.get(id_)
        return call if call is not None and call.owner == owner and call.call_id is not None else None

    def end(self, call: Call) -> bool:
        """Forget ``call``; returns whether it was open."""
        if self._calls.get(call.id) is not call:
            return False
        del self._calls[call.id]
        self._count[call.owner] -= 1
        if not self._count[call.owner]:
            del self._count[call.owner]
        return True
