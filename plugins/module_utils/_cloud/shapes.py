# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer of a service has to look like, for whoever reads it to need no checks of its own.

A kind looks at a value and says what is wrong with it. Kinds of lists, tables and rows are made of those of what is in
them; of a row only those keys are named that somebody reads, whatever else it has.
"""

from __future__ import annotations

import typing as t

#: larger than any number of Nova's and Placement's databases; what is greater still is no number that counts something
HUGE = 1 << 63
MISSING = object()


class ShapeError(ValueError):
    """A value is not of its kind.

    :ivar words: what it has to be, as in "a whole number"
    """

    def __init__(self, value: t.Any, words: str) -> None:
        super().__init__(words)
        self.words = words
        self._value = value
        self._path: list[str] = []

    def below(self, step: str) -> ShapeError:
        """The same, seen from one level higher: the value is at this key or index."""
        self._path.insert(0, step)
        return self

    @property
    def path(self) -> str:
        """Where the value is, as in "[3].service.host"."""
        return "".join(self._path).lstrip(".")

    def __str__(self) -> str:
        if self._value is MISSING:
            return "%s is missing, and has to be %s" % (self.path, self.words)
        return "%s is %s, and has to be %s" % (self.path, _shown(self._value), self.words)


def _shown(value: t.Any) -> str:
    """A value, in a few words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, str):
        text = " ".join(value.split())
        return "'%s'" % text if len(text) <= 40 else "'%s...'" % text[:40]
    return "%.12g" % value if abs(value) < HUGE else "a huge number"


class Kind:
    """Some values.

    :param words: what they are
    :param optional: whether a key of this kind may be missing or null
    """

    def __init__(self, words: str, optional: bool = False) -> None:
        self.words = words
        self.optional = optional

    def check(self, value: t.Any) -> None:
        """Look at a value.

        :raises ShapeError: it is of another kind
        """
        raise NotImplementedError


class Leaf(Kind):
    """Values that are told apart by themselves."""

    def __init__(self, words: str, right: t.Callable[[t.Any], bool]) -> None:
        super().__init__(words)
        self.right = right

    def check(self, value: t.Any) -> None:
        if not self.right(value):
            raise ShapeError(value, self.words)


class Nullable(Kind):
    """A kind, or null; the key has to be there."""

    def __init__(self, kind: Kind, optional: bool = False) -> None:
        super().__init__(kind.words + " or null", optional)
        self._kind = kind

    def check(self, value: t.Any) -> None:
        if value is not None:
            self._kind.check(value)


class Maybe(Nullable):
    """A kind, or null, or no such key."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind, optional=True)


class Rows(Kind):
    """A list."""

    def __init__(self, kind: Kind) -> None:
        super().__init__("a list")
        self._check = kind.check

    def check(self, value: t.Any) -> None:
        if not isinstance(value, list):
            raise ShapeError(value, self.words)
        check = self._check
        for number, element in enumerate(value):
            try:
                check(element)
            except ShapeError as error:
                raise error.below("[%d]" % number) from None


class Table(Kind):
    """An object whose keys are names."""

    def __init__(self, kind: Kind) -> None:
        super().__init__("an object")
        self._check = kind.check

    def check(self, value: t.Any) -> None:
        if not isinstance(value, dict):
            raise ShapeError(value, self.words)
        check = self._check
        for name, element in value.items():
            try:
                check(element)
            except ShapeError as error:
                raise error.below("." + name) from None


class Row(Kind):
    """An object with these keys, and perhaps others."""

    def __init__(self, kinds: t.Mapping[str, Kind]) -> None:
        super().__init__("an object")
        self._required = [(name, kind.check, kind.words) for name, kind in kinds.items() if not kind.optional]
        self._optional = [(name, kind.check) for name, kind in kinds.items() if kind.optional]

    def check(self, value: t.Any) -> None:
        if not isinstance(value, dict):
            raise ShapeError(value, self.words)
        name = ""
        try:
            for name, check, words in self._required:
                element = value.get(name, MISSING)
                if element is MISSING:
                    raise ShapeError(MISSING, words)
                check(element)
            for name, check in self._optional:
                if name in value:
                    check(value[name])
        except ShapeError as error:
            raise error.below("." + name) from None


def _is_whole(value: t.Any) -> bool:
    return value.__class__ is int and -HUGE < value < HUGE


def _is_name(value: t.Any) -> bool:
    return value.__class__ is str and value != ""


STRING = Leaf("a string", lambda value: value.__class__ is str)
NAME = Leaf("a string that is not empty", _is_name)
WHOLE = Leaf("a whole number", _is_whole)
COUNT = Leaf("a whole number, 0 or more", lambda value: _is_whole(value) and value >= 0)
UNIT = Leaf("a whole number, 1 or more", lambda value: _is_whole(value) and value > 0)
RATIO = Leaf("a number above 0", lambda value: value.__class__ in (int, float) and 0 < value < 1e39)
BOOLEAN = Leaf("true or false", lambda value: value.__class__ is bool)
#: of the database, or a UUID with newer microversions
ID = Leaf("an ID", lambda value: _is_name(value) or _is_whole(value))
ANYTHING = Leaf("something", lambda _value: True)

#: method and path, of which ``*`` is any one part -> key of the answer -> what is below it
Answers = t.Mapping[str, t.Mapping[str, Kind]]
