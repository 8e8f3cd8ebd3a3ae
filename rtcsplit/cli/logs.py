"""Logs: one JSON object per line on stderr, with the keys ``ts level event session role`` first.

``logging.getLogger(__name__).info("flow_conflict", extra={"session": "EceM", "worker": 1})`` anywhere in rtcsplit
becomes such a line: the message is the event, ``extra`` are its facts. Secrets and whole ufrags are not facts to log.
"""

from __future__ import annotations

import datetime
import logging
import sys
from typing import TextIO

import msgspec

__all__ = ["JsonFormatter", "set_up_logs"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON.

    Args:
        role: the process's: ``relay`` or ``transceiver``.
    """

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line, without its end. What JSON has no type for is written as text."""
        facts = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line = {
            "ts": _timestamp(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "session": facts.pop("session", None),
            "role": self._role,
            "logger": record.name,
            **facts,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def set_up_logs(role: str, stream: TextIO | None = None) -> None:
    """Send all logs of this process to ``stream`` (stderr unless given); replaces what was set up before."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(role))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # At INFO uvicorn tells what the ready line says already, at WARNING every malformed request that anybody sends.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def _timestamp(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
