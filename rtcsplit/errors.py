"""What rtcsplit raises, split by whose fault it is.

::

    RtcsplitError
    ├── UsageError(ValueError)   the caller's fault; the object is unchanged
    ├── ConfigurationError       the operator's: key, value, and what is expected
    ├── OverloadError            no room for another session now; later perhaps
    ├── CallEndedError           the call is over: nothing can be said in it any more
    ├── MissingLibraryError(ImportError)  a system library or an extra is not installed: what to install
    ├── ProtocolError            the peer's, where the caller can act on it
    │   ├── SdpError             line number and line
    │   └── DtlsError            alert description, and who sent it
    └── NativeError              a C status that correct code never sees: our bug

A bad datagram is none of these: on the packet path nothing is raised, see :class:`rtcsplit.drops.DropReason`.
Attributes are for programs, messages for people.
"""

from __future__ import annotations

__all__ = [
    "CallEndedError",
    "ConfigurationError",
    "DtlsError",
    "MissingLibraryError",
    "NativeError",
    "OverloadError",
    "ProtocolError",
    "RtcsplitError",
    "SdpError",
    "UsageError",
]


class RtcsplitError(Exception):
    """Base of everything that rtcsplit raises on purpose."""


class UsageError(RtcsplitError, ValueError):
    """The caller broke the documented contract; the object is as it was before the call."""


class ConfigurationError(RtcsplitError):
    """A setting cannot be used; nothing was started.

    Attributes:
        key: dotted name of the setting, for instance ``relay.listen``.
        value: what was found there, None where nothing was.
        expected: what the setting takes, as a phrase.
    """

    def __init__(self, key: str, value: object, expected: str) -> None:
        super().__init__(f"{key} = {value!r}: expected {expected}")
        self.key = key
        self.value = value
        self.expected = expected


class OverloadError(RtcsplitError):
    """No room for another session now; nothing was made. Signalling answers 503 with ``Retry-After``.

    Attributes:
        retry_after: seconds after which asking again makes sense.
    """

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CallEndedError(RtcsplitError):
    """The call is over, so nothing can be said in it any more."""


class MissingLibraryError(RtcsplitError, ImportError):
    """Something that has to be installed is not; an ``ImportError`` for whoever can do without.

    Attributes:
        library: its name.
        remedy: what to install, as a command.
    """

    def __init__(self, library: str, remedy: str) -> None:
        super().__init__(f"{library} is not installed: {remedy}")
        self.library = library
        self.remedy = remedy


class ProtocolError(RtcsplitError):
    """The peer's fault, where the caller can act on it.

    Attributes:
        code: stable short reason, for programs.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SdpError(ProtocolError):
    """An offer that cannot be answered.

    Attributes:
        code: stable short reason.
        line_number: 1-based number of the line at fault, 0 where the fault is the whole description.
        line: that line, shortened to 80 characters, control characters replaced; empty for the whole.
        reason: what is wrong, in words of ours alone: nothing of the peer's text.
        is_malformed: True where the text breaks the grammar (HTTP 400), False where it is well formed and
            asks for what we do not do (HTTP 422).
    """

    def __init__(self, code: str, message: str, *, line_number: int = 0, line: str = "", is_malformed: bool) -> None:
        self.line_number = line_number
        self.line = "".join(c if c.isprintable() else "?" for c in line[:80])
        self.reason = message
        self.is_malformed = is_malformed
        place = f"line {line_number} ({self.line!r}): " if line_number else ""
        super().__init__(code, place + message)


class DtlsError(ProtocolError):
    """A handshake or an association that failed.

    Attributes:
        code: stable short reason, for instance ``fingerprint_mismatch``, ``handshake_timeout``, ``alert``.
        alert: the alert description's name (RFC 5246 section 7.2), None where there was none.
        is_remote: True where the peer sent that alert, False where we did.
    """

    def __init__(self, code: str, message: str, *, alert: str | None = None, is_remote: bool = False) -> None:
        super().__init__(code, message)
        self.alert = alert
        self.is_remote = is_remote


class NativeError(RtcsplitError):
    """The C packet path returned a status that correct Python never causes: a bug of ours."""
