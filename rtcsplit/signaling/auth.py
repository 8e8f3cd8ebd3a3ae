"""Who asks: bearer tokens (RFC 6750 section 2.1), compared in constant time, kept as digests only."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from http import HTTPStatus

from starlette.requests import HTTPConnection

from ..errors import ConfigurationError
from .problems import Problem

__all__ = ["BearerTokens", "Owner", "check_tokens"]

Owner = bytes
"""Stands for one token wherever a session has to remember whose it is; empty for anonymous."""

_ANONYMOUS: Owner = b""
_LONGEST = 4_096


def check_tokens(tokens: tuple[str, ...], *, allow_anonymous: bool) -> None:
    """Refuse settings that let nobody in, or that would let somebody in by accident.

    Raises:
        ConfigurationError: no tokens where those without any are not let in, or an empty one.
    """
    if isinstance(tokens, str):  # a comma forgotten: each of its letters would let everybody in
        raise ConfigurationError("tokens", "(hidden)", "a tuple of tokens, not one of them")
    if not tokens and not allow_anonymous:
        raise ConfigurationError("tokens", None, "at least one token, or allow_anonymous = true")
    if not all(tokens):
        raise ConfigurationError("tokens", "", "tokens that are not empty")


class BearerTokens:
    """The tokens that may call.

    Args:
        tokens: each may open sessions, and reaches those that it opened.
        allow_anonymous: whether a request without a token is served as well.
    """

    def __init__(self, tokens: Iterable[str], *, allow_anonymous: bool) -> None:
        self._owners = [_digest(token) for token in tokens]
        self._allow_anonymous = allow_anonymous

    def owner_of(self, request: HTTPConnection) -> Owner:
        """Return who sent ``request``.

        Raises:
            Problem: 401, no token or an unknown one. Equal time for all tokens: every one is compared.
        """
        headers = request.headers.getlist("authorization")
        if not headers and self._allow_anonymous:
            return _ANONYMOUS
        if len(headers) != 1:
            raise _unauthorized("token_missing", "this needs one Authorization header with a bearer token", "Bearer")
        scheme, _, token = headers[0].partition(" ")
        return self.owner_of_token(token.strip(" ") if scheme.lower() == "bearer" else "")

    def owner_of_token(self, token: str) -> Owner:
        """Return whose token that is, wherever the request has it.

        Raises:
            Problem: 401, an unknown one.
        """
        found = None
        if token and len(token) <= _LONGEST:
            offered = _digest(token)
            for owner in self._owners:
                if hmac.compare_digest(owner, offered):
                    found = owner
        if found is None:
            raise _unauthorized("token_invalid", "the bearer token is not valid", 'Bearer error="invalid_token"')
        return found


def _digest(token: str) -> Owner:
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _unauthorized(code: str, detail: str, challenge: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, code, detail, headers={"WWW-Authenticate": challenge})
