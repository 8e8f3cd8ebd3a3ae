"""Reading a fuzzer's octets as steps; what is not there is zero or empty, so that every input means something."""

from __future__ import annotations

__all__ = ["Octets"]


class Octets:
    """A cursor over an input."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def number(self) -> int:
        """The next octet."""
        return int.from_bytes(self.take(1), "big")

    def take(self, count: int) -> bytes:
        """The next octets, fewer where there are no more."""
        self._at += count
        return self._data[self._at - count : self._at]

    def some(self) -> bytes:
        """As many octets as the next one says."""
        return self.take(self.number())

    def change(self, original: bytes) -> bytes:
        """``original`` with up to three places overwritten and perhaps its end cut off or something added."""
        changed = bytearray(original)
        how = self.number()
        for _ in range(how & 3):
            place, value = int.from_bytes(self.take(2), "big"), self.number()
            if changed:
                changed[place % len(changed)] = value
        if how & 4:
            del changed[len(changed) - min(self.number(), len(changed)) :]
        if how & 8:
            changed += self.some()
        return bytes(changed)
