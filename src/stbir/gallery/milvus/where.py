"""A condition in SQL as a filter of Milvus: parsed, checked against the catalogue's columns, and written anew.

Nothing of the user's text is pasted: what is not understood is refused. The meaning is SQL's, with its three values:
a picture whose column is NULL fulfils neither a condition over it nor the condition's opposite. Milvus has no NULL in
every version, so the table keeps an empty string in its place.

    condition := term (OR term)*          term := factor (AND factor)*          factor := [NOT] factor | ( condition )
    factor    := value (= | != | <> | < | <= | > | >=) value         value := column | 'text' | number
               | column [NOT] (IN (value, ...) | BETWEEN value AND value | LIKE 'pattern') | column IS [NOT] NULL

A text that only has to begin somehow becomes a range, which every version understands; other patterns need a Milvus
that can match them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from stbir.errors import QueryError

ALWAYS, NEVER = 'id != ""', 'id == ""'
MAX_LENGTH = 20_000
MAX_DEPTH = 50
INT64 = range(-(2**63), 2**63)
OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
MIRRORED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
SPELLINGS = {"=": "==", "<>": "!="}
KEYWORDS = {"and", "or", "not", "in", "between", "like", "is", "null", "true", "false", "ilike", "escape"}
TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')|(?P<quoted>"[^"]+"|`[^`]+`)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"""
    r"""|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign><=|>=|<>|!=|==|[=<>(),-]))""",
    re.DOTALL,
)


@dataclass(frozen=True)
class Column:
    """A column of the catalogue.

    Attributes:
        name: As in `Entry`.
        is_text: Text, else whole numbers.
        is_optional: Whether it may be NULL.
    """

    name: str
    is_text: bool
    is_optional: bool = False


@dataclass(frozen=True)
class _Both:
    """A filter for the pictures that fulfil a condition, and one for those that fulfil its opposite."""

    yes: str
    no: str

    def __invert__(self) -> _Both:
        return _Both(self.no, self.yes)


def translate(where: str, columns: Mapping[str, Column], *, can_match_anywhere: bool) -> str:
    """Turn a condition into a filter.

    Args:
        where: SQL condition.
        columns: By name, the columns it may speak of.
        can_match_anywhere: Whether the server's LIKE knows more than beginnings.

    Returns:
        A boolean expression of Milvus.

    Raises:
        QueryError: The condition cannot be understood, or Milvus has nothing like it.

    >>> columns = {"width": Column("width", is_text=False), "path": Column("path", is_text=True)}
    >>> translate("width > 800 AND NOT path LIKE '/photos/%'", columns, can_match_anywhere=False)
    '(width > 800 and (path < "/photos/" or path >= "/photos0"))'
    """
    if len(where) > MAX_LENGTH:
        raise QueryError(f"the filter has {len(where):,} characters: at most {MAX_LENGTH:,} are read")
    parser = _Parser(where, columns, can_match_anywhere)
    return parser.whole().yes


class _Parser:
    """One condition being read from left to right."""

    def __init__(self, where: str, columns: Mapping[str, Column], can_match_anywhere: bool) -> None:
        self._where = where
        self._columns = columns
        self._can_match_anywhere = can_match_anywhere
        self._tokens = list(self._split())
        self._place = 0
        self._depth = 0

    def whole(self) -> _Both:
        condition = self._condition()
        if self._kind() != "end":
            self._refuse(f"{self._shown()} was not expected there")
        return condition

    def _split(self) -> Iterator[tuple[str, str]]:
        place, where = 0, self._where.rstrip()
        while place < len(where):
            match = TOKEN.match(where, place)
            if match is None:
                self._refuse(f"{where[place:].split()[0][:20]!r} cannot be understood")
            yield str(match.lastgroup), match[str(match.lastgroup)]
            place = match.end()
        yield "end", ""

    def _condition(self) -> _Both:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"it is nested deeper than {MAX_DEPTH} levels")
        terms = [self._term()]
        while self._took("or"):
            terms.append(self._term())
        self._depth -= 1
        return ~_all_of([~term for term in terms])

    def _term(self) -> _Both:
        factors = [self._factor()]
        while self._took("and"):
            factors.append(self._factor())
        return _all_of(factors)

    def _factor(self) -> _Both:
        is_negated = False
        while self._took("not"):
            is_negated = not is_negated
        if self._took("("):
            inner = self._condition()
            self._expect(")")
        else:
            inner = self._comparison()
        return ~inner if is_negated else inner

    def _comparison(self) -> _Both:
        left = self._value()
        if isinstance(left, Column):
            if self._took("is"):
                is_negated = self._took("not")
                self._expect("null")
                return ~_is_null(left) if is_negated else _is_null(left)
            is_negated = self._took("not")
            for word, read in (("in", self._in), ("between", self._between), ("like", self._like)):
                if self._took(word):
                    return ~read(left) if is_negated else read(left)
            if is_negated:
                self._refuse("after NOT one of IN, BETWEEN, LIKE was expected")
        shown = self._shown()
        sign = self._next()[1]
        sign = SPELLINGS.get(sign, sign)
        if sign not in OPPOSITE:
            self._refuse(f"a comparison was expected, not {shown}")
        right = self._value()
        if isinstance(left, Column):
            return self._compared(left, sign, right)
        if not isinstance(right, Column):
            self._refuse("one side of a comparison must be a column")
        return self._compared(right, MIRRORED[sign], left)

    def _in(self, column: Column) -> _Both:
        self._expect("(")
        values = [self._value()]
        while self._took(","):
            values.append(self._value())
        self._expect(")")
        if any(isinstance(value, Column) or isinstance(value, str) != column.is_text for value in values):
            self._refuse(f"the list after IN must hold {'texts in single quotes' if column.is_text else 'numbers'}")
        if column.is_text:
            written = [quoted(str(value)) for value in values]
        else:
            numbers = [value for value in values if isinstance(value, int | float) and value == int(value)]
            written = [str(int(value)) for value in numbers if int(value) in INT64[1:]]
        if not written:
            return _guarded(column, NEVER, ALWAYS)
        listed = ", ".join(written)
        return _guarded(column, f"{column.name} in [{listed}]", f"{column.name} not in [{listed}]")

    def _between(self, column: Column) -> _Both:
        low = self._compared(column, ">=", self._value())
        self._expect("and")
        return _all_of([low, self._compared(column, "<=", self._value())])

    def _like(self, column: Column) -> _Both:
        kind, token = self._next()
        if kind != "text" or not column.is_text:
            self._refuse(f"LIKE compares a column of text with a pattern in quotes, not {column.name} with {token}")
        if self._kind() == "word" and self._tokens[self._place][1].lower() == "escape":
            self._refuse("a store in Milvus knows no ESCAPE, only the backslash")
        parts = _pattern(_text_of(token))
        if all(isinstance(part, str) for part in parts):
            return self._compared(column, "==", "".join(map(str, parts)))
        if parts[-1] is ANY and all(isinstance(part, str) for part in parts[:-1]):
            return _guarded(column, *_beginning(column.name, "".join(map(str, parts[:-1]))))
        if not self._can_match_anywhere:
            self._refuse(
                "this server only finds texts by their beginning, LIKE 'text%'; Milvus 2.4 and newer find them anywhere"
            )
        written = quoted("".join(part.sign if isinstance(part, _Wildcard) else _escaped(part) for part in parts))
        return _guarded(column, f"{column.name} like {written}", f"not ({column.name} like {written})")

    def _compared(self, column: Column, sign: str, value: Column | str | int | float) -> _Both:
        if isinstance(value, Column):
            if value.is_text != column.is_text:
                self._refuse(f"{column.name} and {value.name} cannot be compared: one is text, one a number")
            both = _guarded(
                column,
                f"{column.name} {sign} {value.name}",
                f"{column.name} {OPPOSITE[sign]} {value.name}",
            )
            return _guarded(value, both.yes, both.no)
        if isinstance(value, str) != column.is_text:
            expected = "a text in single quotes" if column.is_text else "a number"
            self._refuse(f"{column.name} is compared with {value!r}, expected {expected}")
        if isinstance(value, str):
            written = quoted(value)
            return _guarded(column, f"{column.name} {sign} {written}", f"{column.name} {OPPOSITE[sign]} {written}")
        return _of_numbers(column, sign, value)

    def _value(self) -> Column | str | int | float:
        shown = self._shown()
        kind, token = self._next()
        if kind == "text":
            return _text_of(token)
        if token == "-" and self._kind() == "number":
            return -self._number(self._next()[1])
        if kind == "number":
            return self._number(token)
        name = token[1:-1] if kind == "quoted" else token.lower()
        if kind != "quoted" and (kind != "word" or name in KEYWORDS):
            self._refuse(f"a column, a text in single quotes or a number was expected, not {shown}")
        if self._tokens[self._place][1] == "(":
            self._refuse(f"a store in Milvus knows no function {token}(...)")
        if name not in self._columns:
            self._refuse(f"there is no column {name!r}, expected one of {', '.join(self._columns)}")
        return self._columns[name]

    def _number(self, token: str) -> int | float:
        value = float(token) if set(token) & set(".eE") else int(token)
        if not math.isfinite(value):
            self._refuse(f"the number {token} is too large")
        return value

    def _kind(self) -> str:
        return self._tokens[self._place][0]

    def _next(self) -> tuple[str, str]:
        token = self._tokens[self._place]
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def _took(self, expected: str) -> bool:
        """Step over a keyword or sign if it comes next."""
        kind, token = self._tokens[self._place]
        if kind in ("word", "sign") and token.lower() == expected:
            self._place += 1
            return True
        return False

    def _expect(self, expected: str) -> None:
        if not self._took(expected):
            self._refuse(f"{expected.upper()!r} was expected, not {self._shown()}")

    def _shown(self) -> str:
        kind, token = self._tokens[self._place]
        return "the end" if kind == "end" else repr(token[:40])

    def _refuse(self, reason: str) -> NoReturn:
        shown = " ".join(self._where.split())[:200]
        raise QueryError(
            f"cannot use the filter {shown!r}: {reason}; write a condition over {', '.join(self._columns)} such as "
            "\"width >= 800 AND path LIKE '/photos/%'\""
        )


def _all_of(conditions: Sequence[_Both]) -> _Both:
    """All of them; the opposite is that one is not."""
    if len(conditions) == 1:
        return conditions[0]
    yes = " and ".join(condition.yes for condition in conditions)
    no = " or ".join(condition.no for condition in conditions)
    return _Both(f"({yes})", f"({no})")


def quoted(text: str) -> str:
    """A text as Milvus reads it in filters."""
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(character, escape)
    return f'"{text}"'


@dataclass(frozen=True)
class _Wildcard:
    sign: str


ANY, ONE = _Wildcard("%"), _Wildcard("_")


def _pattern(pattern: str) -> list[str | _Wildcard]:
    """The parts of a LIKE pattern: characters that stand for themselves, and wildcards."""
    parts: list[str | _Wildcard] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            parts.append(next(characters, "\\"))
        elif not (character == "%" and parts[-1:] == [ANY]):
            parts.append({"%": ANY, "_": ONE}.get(character, character))
    return parts


def _escaped(character: str) -> str:
    return f"\\{character}" if character in ("%", "_", "\\") else character


def _beginning(name: str, text: str) -> tuple[str, str]:
    """The range of texts that begin with the given one, and its opposite."""
    if not text:
        return ALWAYS, NEVER
    low, high = quoted(text), _after(text)
    if not high:
        return f"{name} >= {low}", f"{name} < {low}"
    return f"({name} >= {low} and {name} < {quoted(high)})", f"({name} < {low} or {name} >= {quoted(high)})"


def _after(text: str) -> str:
    """The first text behind all that begin with this one, in the order of code points; empty if there is none."""
    while text:
        code = ord(text[-1]) + 1
        if code <= 0x10FFFF:
            return text[:-1] + chr(0xE000 if 0xD800 <= code <= 0xDFFF else code)
        text = text[:-1]
    return ""


def _of_numbers(column: Column, sign: str, value: int | float) -> _Both:
    """Compare whole numbers with any number: Milvus wants both to be whole and to fit into 64 bits."""
    if value != int(value):
        if sign in ("==", "!="):
            return _Both(*((NEVER, ALWAYS) if sign == "==" else (ALWAYS, NEVER)))
        value = math.ceil(value) if sign in ("<", ">=") else math.floor(value)
    value = int(value)
    if value not in INT64 or value == INT64[0]:  # the smallest cannot be written: Milvus reads its digits first
        is_fulfilled = {"==": False, "!=": True}.get(sign, (value > 0) == (sign in ("<", "<=")))
        return _Both(*((ALWAYS, NEVER) if is_fulfilled else (NEVER, ALWAYS)))
    return _Both(f"{column.name} {sign} {value}", f"{column.name} {OPPOSITE[sign]} {value}")


def _is_null(column: Column) -> _Both:
    return _Both(f'{column.name} == ""', f'{column.name} != ""') if column.is_optional else _Both(NEVER, ALWAYS)


def _guarded(column: Column, yes: str, no: str) -> _Both:
    """What is NULL fulfils neither."""
    if not column.is_optional:
        return _Both(yes, no)
    return _Both(f'({column.name} != "" and {yes})', f'({column.name} != "" and {no})')


def _text_of(token: str) -> str:
    return token[1:-1].replace("''", "'")


def as_columns(kinds: Sequence[tuple[str, str]]) -> dict[str, Column]:
    """Columns from the names and annotations of a dataclass."""
    return {name: Column(name, "str" in kind, "None" in kind) for name, kind in kinds}
