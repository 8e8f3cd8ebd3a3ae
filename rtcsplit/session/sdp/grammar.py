"""The line grammar of session descriptions (RFC 8866 section 5), bounded before anything is looked at.

A description is cut into its session level and its media sections; each level keeps its attributes by name, with
their line numbers, so that whoever reads one can say where it is wrong. Values are not interpreted here, attributes
that nobody asks for are never looked at, and every step takes time linear in the size of the body.

More lenient than RFC 8866 section 5 in two points: a bare LF ends a line as well (section 5 asks for that), and
beyond ``v= o= s=`` at the top the order of lines within a level is not enforced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...errors import SdpError

__all__ = [
    "MAX_BODY",
    "MAX_LINE",
    "MAX_LINES",
    "MAX_SECTIONS",
    "Description",
    "Level",
    "Line",
    "parse_description",
    "parse_fragment_levels",
]

MAX_BODY = 65_536
MAX_LINE = 4_096
MAX_LINES = 2_000
MAX_SECTIONS = 32

_SESSION_KINDS = frozenset("vosiuepcbtrzka")
_MEDIA_KINDS = frozenset("icbka")
_ONCE = frozenset("vos")


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        number: 1-based.
        text: the line without its end.
        value: what follows ``x=``, for an attribute what follows the colon; empty for an attribute without value.
    """

    number: int
    text: str
    value: str

    @property
    def fields(self) -> list[str]:
        """The value's fields. They are separated by one blank each; more are forgiven, other white space is not."""
        return [text for text in self.value.split(" ") if text]

    def malformed(self, code: str, reason: str) -> SdpError:
        """Return the error for a line that breaks the grammar of what it names."""
        return SdpError(code, reason, line_number=self.number, line=self._shown, is_malformed=True)

    def unsupported(self, code: str, reason: str) -> SdpError:
        """Return the error for a line that is well formed and asks for what we do not do."""
        return SdpError(code, reason, line_number=self.number, line=self._shown, is_malformed=False)

    @property
    def _shown(self) -> str:
        """The line as errors may show it: they are logged, and a password is not."""
        return "a=ice-pwd:..." if self.text.startswith("a=ice-pwd") else self.text


@dataclass(frozen=True, slots=True)
class Level:
    """The session level, or one media section.

    Attributes:
        head: its first line: ``v=`` of the session, ``m=`` of a section.
        lines: every other line that is no attribute, by letter.
        attributes: the ``a=`` lines by attribute name.
    """

    head: Line
    lines: dict[str, list[Line]] = field(default_factory=dict)
    attributes: dict[str, list[Line]] = field(default_factory=dict)

    def all(self, name: str) -> Sequence[Line]:
        """Return all attributes called ``name``, in order."""
        return self.attributes.get(name, ())

    def only(self, name: str) -> Line | None:
        """Return the attribute called ``name``, None where there is none.

        Raises:
            SdpError: there are several, and which one counts would be a guess.
        """
        found = self.all(name)
        if len(found) > 1:
            raise found[1].malformed("duplicate_attribute", "this attribute may stand once per level")
        return found[0] if found else None

    def has(self, name: str) -> bool:
        """Whether an attribute called ``name`` is there."""
        return name in self.attributes


@dataclass(frozen=True, slots=True)
class Description:
    """A session description cut into its levels."""

    session: Level
    sections: tuple[Level, ...]


def parse_description(body: bytes | str) -> Description:
    """Cut ``body`` into levels.

    Args:
        body: the description; text is taken as its UTF-8 octets.

    Raises:
        SdpError: beyond a bound, not UTF-8, or not the line form of RFC 8866 section 5.
    """
    first, *rest = _lines(_octets(body))
    session = level = _opened(first)
    sections: list[Level] = []
    for line in rest:
        kind = line.text[0]
        if kind == "m":
            level = _new_section(sections, line)
        elif kind == "a":
            _add_attribute(level, line)
        else:
            _add_line(level, line, is_session=level is session)
    _check_session(session)
    return Description(session, tuple(sections))


def parse_fragment_levels(body: bytes | str) -> tuple[Level, tuple[Level, ...]]:
    """Cut a fragment, which has ``a=`` and ``m=`` lines alone (RFC 8840 section 9.2), into its levels.

    Raises:
        SdpError: beyond a bound, not UTF-8, or another line form.
    """
    session = level = Level(Line(0, "", ""))
    sections: list[Level] = []
    for line in _lines(_octets(body)):
        if line.text[0] == "m":
            level = _new_section(sections, line)
        elif line.text[0] == "a":
            _add_attribute(level, line)
        else:
            raise line.malformed("line_type", "a fragment has m= and a= lines alone")
    return session, tuple(sections)


def _new_section(sections: list[Level], line: Line) -> Level:
    if len(sections) >= MAX_SECTIONS:
        raise line.malformed("too_many_sections", f"more than {MAX_SECTIONS} media sections")
    sections.append(Level(line))
    return sections[-1]


def _octets(body: bytes | str) -> bytes:
    try:
        octets = body.encode() if isinstance(body, str) else body
    except UnicodeEncodeError:
        raise SdpError("encoding", "the description is not UTF-8", is_malformed=True) from None
    if len(octets) > MAX_BODY:
        raise SdpError("too_large", f"the description is longer than {MAX_BODY} octets", is_malformed=True)
    return octets


def _lines(octets: bytes) -> list[Line]:
    """Split at CRLF or LF; blank lines at the end are forgiven, some clients append one."""
    if octets.count(b"\n") > MAX_LINES:
        raise SdpError("too_many_lines", f"more than {MAX_LINES} lines", is_malformed=True)
    return [_line(number, raw) for number, raw in enumerate(octets.rstrip(b"\r\n").split(b"\n"), 1)]


def _line(number: int, raw: bytes) -> Line:
    raw = raw.removesuffix(b"\r")
    text = raw.decode(errors="replace")
    line = Line(number, text, text[2:])
    if len(raw) > MAX_LINE:
        raise line.malformed("line_too_long", f"longer than {MAX_LINE} octets")
    if b"\r" in raw or b"\0" in raw:
        raise line.malformed("control_character", "NUL, or CR without LF")
    if len(text) < 2 or text[1] != "=" or not ("a" <= text[0] <= "z"):
        raise line.malformed("line_form", "a line is a small letter, '=' and a value")
    if "\ufffd" in text and not _is_utf8(raw):
        raise line.malformed("encoding", "not UTF-8")
    return line


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _opened(line: Line) -> Level:
    if line.text != "v=0":
        raise line.malformed("version", "the first line has to be v=0")
    return Level(line)


def _add_attribute(level: Level, line: Line) -> None:
    name, _, value = line.value.partition(":")
    if not name:
        raise line.malformed("line_form", "an attribute without a name")
    level.attributes.setdefault(name, []).append(Line(line.number, line.text, value))


def _add_line(level: Level, line: Line, *, is_session: bool) -> None:
    kind = line.text[0]
    if kind not in (_SESSION_KINDS if is_session else _MEDIA_KINDS):
        raise line.malformed("line_type", "no such line at this level")
    if kind in _ONCE and (kind == "v" or kind in level.lines):
        raise line.malformed("duplicate_line", "this line may stand once")
    level.lines.setdefault(kind, []).append(line)


def _check_session(session: Level) -> None:
    for kind, number in (("o", 2), ("s", 3)):
        found = session.lines.get(kind)
        if not found or found[0].number != number:
            raise SdpError("line_order", f"line {number} has to be {kind}=", is_malformed=True)
    origin = session.lines["o"][0]
    fields = origin.fields
    if len(fields) != 6 or not all(text.isascii() and text.isdigit() for text in fields[1:3]):
        raise origin.malformed("origin", "o= takes six fields, the second and third are numbers")
    times = session.lines.get("t")
    if not times:
        raise SdpError("no_time", "there is no t= line", is_malformed=True)
    for line in times:
        if len(line.fields) != 2:
            raise line.malformed("time", "t= takes two fields")
