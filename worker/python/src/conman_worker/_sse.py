"""Server-sent events, as far as the worker's stream uses them."""

from collections.abc import Iterator

# More than any event of ours; what is longer is cut.
_MAX_EVENT = 64 * 1024


class Parser:
    """Puts events together from pieces of a stream. Comments and unknown fields are skipped."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._after_cr = False
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def push(self, piece: bytes) -> Iterator[tuple[str, str]]:
        """Take the next bytes, and give the events that they complete: name and data."""
        for byte in piece:
            after_cr, self._after_cr = self._after_cr, byte == 0x0D
            if byte == 0x0A and after_cr:
                continue
            if byte in (0x0A, 0x0D):
                line = self._line.decode("utf-8", "replace")
                self._line.clear()
                yield from self._end_line(line)
            elif len(self._line) < _MAX_EVENT:
                self._line.append(byte)

    def _end_line(self, line: str) -> Iterator[tuple[str, str]]:
        if not line:
            name, data = self._name, self._data
            self._name, self._data, self._size = "", [], 0
            if data:
                yield name, "\n".join(data)
            return
        label, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if label == "event":
            self._name = value
        elif label == "data" and self._size + len(value) < _MAX_EVENT:
            self._size += len(value) + 1
            self._data.append(value)
