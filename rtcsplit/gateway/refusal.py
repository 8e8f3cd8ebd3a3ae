"""What is told to a backend whose message cannot be used, and what ends its call."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import RtcsplitError

__all__ = ["BackendError", "Refusal"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One message that was not used.

    Attributes:
        code: stable short reason, for programs.
        message: the same for people.
    """

    code: str
    message: str


class BackendError(RtcsplitError):
    """The backend cannot be used for this call any more.

    Attributes:
        code: stable short reason: ``unreachable``, ``refused``, ``violation``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
