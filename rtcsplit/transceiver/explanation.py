"""Why a call failed or was bad, from its session log: a table of rules about facts.

A rule is a condition on the facts, what it means, and what to look at. They are asked in order, the most telling
first, and each one stands for itself: several may be true of one call, but only one of those that say why it ended.

Few clients wait for our deadlines: most hang up first. What has not come by then counts as missing if there was time
for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .session_facts import Facts

__all__ = ["RULES", "Rule", "explain"]


_EARLY = 3.0  # seconds; the first check of libwebrtc may come 2.85 s after the answer
_CERTIFICATE, _PROFILE = "fingerprint_mismatch", "no_srtp_profile"


def _is_early(facts: Facts) -> bool:
    """Whether it was given up before anything can be called missing."""
    return facts.was_given_up and facts.lasted < _EARLY


def _misses_dtls(facts: Facts) -> bool:
    """Whether there was time for DTLS, and none of it can have gone to another session."""
    return facts.lacks_keys and not _is_early(facts) and not facts.count("address_conflict")


def _fell_silent(facts: Facts) -> bool:
    """Whether neither media nor checks came at the end of consent."""
    return facts.since_media is None or facts.since_media > 5.0


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: when it holds, what it means, what to look at."""

    name: str
    holds: Callable[[Facts], bool]
    meaning: str
    advice: str


RULES = (
    Rule(
        "wrong_credentials",
        lambda f: f.lacks_checks and f.dropped.get("stun_unauthorized", 0) > 0,
        "The client's checks arrived, with another password or ufrag than those of the answer.",
        "Does the client apply this very answer? A second offer, a retry or a mixed-up session makes the two differ.",
    ),
    Rule(
        "unusable_checks",
        lambda f: f.lacks_checks and f.received.get("stun", 0) > 0 and not f.dropped.get("stun_unauthorized", 0),
        "The client's checks arrived and were all refused.",
        "The drops say why; stun_role_conflict is a client that believes to be controlled.",
    ),
    Rule(
        "unreachable",
        lambda f: f.lacks_checks and not f.received.get("stun", 0) and not _is_early(f),
        "No check of the client arrived.",
        "Can it reach the answer's candidates by UDP? Look at firewalls, at `advertise`, at the relay's drops "
        "(no_route, hint_invalid). Or it never applied the answer.",
    ),
    Rule(
        "other_certificate",
        lambda f: f.code == _CERTIFICATE,
        "The client's certificate is not the one that its offer announces.",
        "Something changed the offer on its way, or the offer of another connection was sent. If neither: an attack.",
    ),
    Rule(
        "no_common_profile",
        lambda f: f.code == _PROFILE,
        "Client and transceiver have no SRTP profile in common.",
        "Compare `srtp_profiles` with what the client offers.",
    ),
    Rule(
        "handshake_refused",
        lambda f: f.cause == "handshake_failed" and f.code not in (_CERTIFICATE, _PROFILE),
        "The DTLS handshake failed.",
        "The log's detail has the alert, and whose it was.",
    ),
    Rule(
        "handshake_from_elsewhere",
        lambda f: f.lacks_keys and f.dropped.get("path_unauthenticated", 0) > 0,
        "The client's DTLS came from an address that it had not checked.",
        "Something on its way gives each packet another source, such as a balancer that spreads by packet.",
    ),
    Rule(
        "handshake_one_way",
        lambda f: _misses_dtls(f) and not f.received.get("dtls", 0),
        "Checks arrived, and not one DTLS datagram.",
        "Large datagrams may be lost on the way (a ClientHello has up to 1,400 octets: look at MTUs, 38 octets more "
        "on internal links), or our answers do not reach the client.",
    ),
    Rule(
        "handshake_unfinished",
        lambda f: _misses_dtls(f) and f.received.get("dtls", 0) > 0 and not f.dropped.get("path_unauthenticated", 0),
        "DTLS began and was not finished.",
        "Heavy loss, or datagrams beyond the path's MTU in one direction.",
    ),
    Rule(
        "network_lost",
        lambda f: f.cause == "consent_expired" and _fell_silent(f),
        "The client fell silent: neither checks nor media for the last seconds, then consent ended.",
        "It lost its network, was suspended, or went away without saying so. No ICE restart came.",
    ),
    Rule(
        "checks_lost",
        lambda f: f.cause == "consent_expired" and not _fell_silent(f),
        "Media came until the end while no check did.",
        "Something drops STUN on the way, or the client stopped to check. A relay without a route drops checks and "
        "passes media on.",
    ),
    Rule(
        "keys_exhausted",
        lambda f: f.cause == "keys_exhausted",
        "A key had protected as many packets as it may.",
        "The call was very long; begin a new one.",
    ),
    Rule(
        "application_failed",
        lambda f: f.cause == "application_failed",
        "A callback of the application raised.",
        "The transceiver's log has the exception (application_failed).",
    ),
    Rule(
        "internal_error",
        lambda f: f.cause == "internal_error",
        "A fault of rtcsplit's own ended the call.",
        "The transceiver's log has the exception (internal_error): please report it.",
    ),
    Rule(
        "channels_lost",
        lambda f: f.count("lost") > 0,
        "The data channels ended before the call did.",
        "The `channel.lost` line has the cause: `peer_aborted` and `peer_shut_down` are the client's doing, `timeout` "
        "is a client that stopped acknowledging, `violation` one that broke a limit.",
    ),
    Rule(
        "restart_abandoned",
        lambda f: f.count("restart_requested") > f.count("restarted"),
        "An ICE restart was asked for and never followed by checks that moved the path.",
        "Did the client get and apply the answer to its PATCH?",
    ),
    Rule(
        "address_conflict",
        lambda f: f.count("address_conflict") > 0,
        "The client's address belonged to another living session.",
        "Two sessions of one client share a socket; the first one kept the media.",
    ),
    Rule(
        "no_media",
        lambda f: f.is_receiving and f.at("connected") is not None and f.at("first_packet") is None,
        "The call was connected, and no audio ever came from the client.",
        "A track that is missing, muted or without permission; or SRTP that fails (see the drops).",
    ),
    Rule(
        "corrupted",
        lambda f: f.share_dropped("srtp_auth_failed") > 0.01,
        "More than 1 % of the client's packets do not authenticate.",
        "Something changes or forges packets, or the client uses keys of another association.",
    ),
    Rule(
        "other_format",
        lambda f: f.dropped.get("rtp_payload_type", 0) > 0,
        "Audio came in formats that were not negotiated.",
        "The client sends what the answer does not have.",
    ),
    Rule(
        "restless_path",
        lambda f: f.count("path_changed") > 5,
        "The path moved more than five times.",
        "A client on the edge between two networks.",
    ),
    Rule(
        "gaps",
        lambda f: f.longest_gap > 2.0,
        "The client's audio paused for seconds.",
        "The gap lines say when; muted tracks and moves between networks look alike. Compare with path_changed.",
    ),
    Rule(
        "loss_up",
        lambda f: f.share_lost() > 0.03,
        "More than 3 % of the client's audio was lost.",
        "The client's uplink; or receive buffers that overflow (rtcsplit_socket_overflow_total).",
    ),
    Rule(
        "loss_down",
        lambda f: f.number("fraction_lost") > 0.03,
        "The client reported more than 3 % of our audio lost, in its last report.",
        "The client's downlink.",
    ),
    Rule(
        "jitter",
        lambda f: f.number("jitter") > 0.05,
        "The client's packets arrived unevenly, by more than 50 ms.",
        "A wireless or crowded link; a busy client.",
    ),
    Rule(
        "far",
        lambda f: f.number("round_trip_time") > 0.3,
        "A round trip took more than 300 ms.",
        "Is there an ingress nearer to the client?",
    ),
    Rule(
        "slow_checks",
        lambda f: f.took("accepted", "address_authenticated") > 3.0,
        "The first check came more than 3 s after the answer.",
        "The answer took long to arrive or to be applied, or the first checks were lost.",
    ),
    Rule(
        "slow_handshake",
        lambda f: f.took("address_authenticated", "connected") > 3.0,
        "DTLS took more than 3 s.",
        "A flight was lost: the client's comes again after a second only. Look at loss and MTUs.",
    ),
    Rule(
        "ended_early",
        _is_early,
        "It was closed within 3 s, before it was connected.",
        "Whoever closed it may know why: the client's log, or that of the application. It says nothing of the network.",
    ),
    Rule(
        "unfinished_log",
        lambda f: not f.cause,
        "The log has no end: the session lives, or the process ended without closing it.",
        "If it does not live, look for the end of the process.",
    ),
)


def explain(facts: Facts) -> list[Rule]:
    """Return the rules that hold, the likeliest cause first; empty where nothing was amiss."""
    return [rule for rule in RULES if rule.holds(facts)]
