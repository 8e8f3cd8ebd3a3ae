"""The transceiver: one UDP socket, all calls, one timer. Everything that knows about protocols is below.

Each wake-up takes a batch off the socket, hands it to the :class:`~rtcsplit.transceiver.switchboard.Switchboard`,
sends what that caused as one batch, and re-arms one timer.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from types import TracebackType

from ..errors import UsageError
from ..routing.hint import RoutingKeys
from ..session.certificate import Certificate
from ..session.dtls_context import DtlsContext
from ..session.negotiation import IceCredentials, Negotiation
from ..session.sdp import parse_offer
from ..session.session_state import SessionState
from ..session.stun_refusals import StunRefusals
from ..wire.address import Address
from .accepted_call import AcceptedCall, RestartedCall
from .admission import Admission, DrainOutcome
from .application import Application, ChannelApplication
from .call import Call
from .call_factory import CallFactory
from .counters import TransceiverCounters
from .facts import Received
from .handshakes import HandshakeThread
from .reader import Reader, new_reader
from .settings import TransceiverSettings
from .socket import TransceiverSocket
from .switchboard import Switchboard
from .wakeup import Wakeup

__all__ = ["Transceiver"]


class Transceiver:
    """Owner of all WebRTC state of its calls.

    Start and stop it in a running event loop, or use it as an async context manager; all methods belong to that loop.

    Args:
        settings: addresses, ids, limits.
        application: gets the calls' audio; a :class:`.ChannelApplication` their data channels too.
        keys: hint keys; needed in relay mode, optional in direct mode.
        certificate: of the DTLS endpoint; a new one if None.

    Raises:
        UsageError: relay mode without keys.
    """

    def __init__(
        self,
        settings: TransceiverSettings,
        *,
        application: Application,
        keys: RoutingKeys | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        if settings.is_relayed and keys is None:
            raise UsageError("relay mode needs hint keys: without them no relay can route to this transceiver")
        refusals = StunRefusals()
        self._settings = settings
        self._admission = Admission(settings.max_sessions, settings.max_half_open_sessions)
        self._switchboard = Switchboard(application, refusals, self._flush_soon, rescues_uplink=settings.rescues_uplink)
        dtls_context = DtlsContext(certificate or Certificate.generate(), settings.srtp_profiles)
        self._handshakes = HandshakeThread(dtls_context)
        self._factory = CallFactory(
            settings,
            keys,
            dtls_context,
            refusals=refusals,
            random=os.urandom,
            clock=time.monotonic,
            has_data=isinstance(application, ChannelApplication),
            handshakes=self._handshakes,
        )
        self._turns = asyncio.Lock()
        self._socket: TransceiverSocket | None = None
        self._reader: Reader | None = None
        self._wakeup = Wakeup(self._on_timer)
        self._flush_handle: asyncio.Handle | None = None

    async def __aenter__(self) -> Transceiver:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def address(self) -> Address:
        """The bound address of the one socket.

        Raises:
            UsageError: not started.
        """
        return self._started_socket().address

    @property
    def keys(self) -> RoutingKeys | None:
        """The hint keys in force, None in direct mode without."""
        return self._factory.keys

    def replace_keys(self, keys: RoutingKeys) -> None:
        """Mint the hints of new calls and of ICE restarts with another ring; those that are out stay what they are."""
        self._factory.keys = keys

    def set_limits(self, max_sessions: int, max_half_open_sessions: int) -> None:
        """Change how many sessions there may be; those that live stay, be they more."""
        self._admission.max_sessions, self._admission.max_half_open = max_sessions, max_half_open_sessions

    def calls(self) -> list[Call]:
        """The calls that live."""
        return self._switchboard.calls()

    def counters(self) -> TransceiverCounters:
        """Everything that was counted since the start."""
        return TransceiverCounters.of(self._switchboard, self._admission, self._socket)

    async def start(self) -> None:
        """Bind the socket and begin to serve.

        Raises:
            ConfigurationError: the address cannot be bound; nothing was started.
            OSError: there is no descriptor to be had; nothing was started.
            UsageError: started already.
        """
        if self._socket is not None:
            raise UsageError("the transceiver is started already")
        self._socket = TransceiverSocket(self._settings, self._switchboard.table)
        try:
            self._reader = new_reader(self._socket.fileno(), self._socket.batch, self._take_batch)
            self._reader.start()
            self._handshakes.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End every call, say so to the peers, and close the socket. Idempotent."""
        if self._socket is None:
            return
        for call in self._switchboard.calls():
            self._switchboard.close(call, time.monotonic())
        self._flush()
        self._wakeup.cancel()
        if self._flush_handle is not None:
            self._flush_handle.cancel()
        if self._reader is not None:  # else the start has failed
            self._reader.stop()
        self._handshakes.stop()
        self._socket.close()
        self._socket = self._reader = None

    async def accept(
        self,
        offer: bytes,
        on_end: Callable[[], None] | None = None,
        *,
        write_log: Callable[[str], None] | None = None,
        candidates: tuple[Address, ...] = (),
    ) -> AcceptedCall:
        """Answer an SDP offer with a new call.

        Offers that come at once are answered one by one, with what waits in the socket between any two.

        Args:
            offer: the client's SDP.
            on_end: called once, in the loop, when the call has ended by whatever cause.
            write_log: takes the lines of this session's log; ``session_log_directory`` gets them if None.
            candidates: where this client reaches us, the preferred address first; as the settings say if empty.

        Raises:
            SdpError: the offer cannot be answered; no call was made.
            OverloadError: no room for another call, or a drain; no call was made.
            UsageError: not started.
        """
        self._started_socket()
        async with self._turns:
            await asyncio.sleep(0)  # the loop looks at its sockets
            return self._accept(offer, on_end, write_log, candidates)

    def _accept(
        self,
        offer: bytes,
        on_end: Callable[[], None] | None,
        write_log: Callable[[str], None] | None,
        candidates: tuple[Address, ...],
    ) -> AcceptedCall:
        socket = self._started_socket()
        self._admission.admit(len(self._switchboard), self._switchboard.half_open)
        begun = time.monotonic()
        call, answer = self._factory.make(
            offer,
            socket.address,
            is_taken=self._switchboard.owns,
            write_log=write_log,
            candidates=candidates,
        )
        self._switchboard.setup.answered(time.monotonic() - begun)
        if on_end is not None:
            call.on_end(on_end)
        self._switchboard.add(call)
        self._flush()
        return AcceptedCall(call.call_id, answer.text, answer.negotiation)

    async def restart(self, call_id: str, remote: IceCredentials) -> RestartedCall | None:
        """Restart the ICE of a call; it goes on as it is until the client's checks move it to the new credentials.

        Args:
            call_id: the call's name.
            remote: the client's new credentials.

        Returns:
            What the client has to check; None where there is no such call (any more).

        Raises:
            UsageError: not started.
        """
        self._started_socket()
        call = self._switchboard.find(call_id)
        if call is None or call.session.state is SessionState.CLOSED:
            return None
        local = self._factory.credentials(self._switchboard.owns)
        self._switchboard.restart(call, local, remote, time.monotonic())
        self._flush()
        return RestartedCall(local, call.offers.local.candidates)

    async def renegotiate(self, call_id: str, offer: bytes) -> AcceptedCall | None:
        """Answer a later offer of a call: direction, formats, data channels, ICE restart (RFC 3264 section 8).

        Media and keys go on meanwhile. WHIP has no such request (RFC 9725 section 4.2): this is for signaling of your
        own.

        Args:
            call_id: the call's name.
            offer: the client's SDP.

        Returns:
            The answer; None where there is no such call (any more).

        Raises:
            SdpError: the offer cannot be answered; the call is what it was.
            UsageError: not started.
        """
        self._started_socket()
        call = self._switchboard.find(call_id)
        if call is None or call.session.state is SessionState.CLOSED:
            return None
        before = call.offers.local.ice
        answer = call.offers.answer(parse_offer(offer), lambda: self._factory.credentials(self._switchboard.owns))
        ice = call.offers.local.ice
        restart = None if ice == before else ice
        self._switchboard.renegotiate(call, answer.negotiation, time.monotonic(), restart=restart)
        self._flush()
        return AcceptedCall(call_id, answer.text, answer.negotiation)

    def negotiation(self, call_id: str) -> Negotiation | None:
        """What the offers, answers and ICE restarts of a call have settled by now; None where there is no such call."""
        call = self._switchboard.find(call_id)
        return None if call is None else call.offers.negotiation

    async def close(self, call_id: str) -> bool:
        """End a call; False where there is none of that name (any more)."""
        call = self._switchboard.find(call_id)
        if call is None:
            return False
        self._switchboard.close(call, time.monotonic())
        self._flush()
        return True

    @property
    def is_draining(self) -> bool:
        """Whether offers are refused because of a drain."""
        return self._admission.is_draining

    async def drain(self, deadline: float) -> DrainOutcome:
        """Refuse offers from now on, let calls go on, and wait until the last one has ended.

        ICE restarts and the end of calls are served meanwhile. Calls that are left at the deadline live on until
        :meth:`stop`. What ends the wait, cancellation included, does not end the drain: :meth:`undo_drain` does.

        Args:
            deadline: seconds to wait at most.
        """
        return await self._admission.drain(len(self._switchboard), deadline)

    def undo_drain(self) -> None:
        """Take offers again, as if there had been no drain. Idempotent."""
        self._admission.undo()

    # the loop's side

    def _started_socket(self) -> TransceiverSocket:
        if self._socket is None:
            raise UsageError("the transceiver is not started")
        return self._socket

    def _take_batch(self, batch: list[Received]) -> None:
        self._switchboard.receive_batch(batch, self._started_socket().batch.now)
        self._flush()

    def _on_timer(self) -> None:
        self._switchboard.handle_timer(time.monotonic())
        self._flush()

    def _flush_soon(self) -> None:
        """An application made a call send or end; what that left behind goes out with this turn of the loop."""
        if self._flush_handle is None:
            self._flush_handle = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Send what all touched calls have to send, and re-arm the timer."""
        if self._flush_handle is not None:
            self._flush_handle.cancel()
            self._flush_handle = None
        outgoing = self._switchboard.outgoing(time.monotonic())
        if outgoing and self._socket is not None:
            self._socket.send(outgoing)
        self._admission.left(len(self._switchboard))
        self._wakeup.arm(self._switchboard.next_timer())
