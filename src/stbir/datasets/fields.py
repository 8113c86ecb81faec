"""One field of a row by its name, as groups and strata are named on the command line."""

from __future__ import annotations

from collections.abc import Iterator

from stbir.datasets.manifest import Row


def value_of(row: Row, field: str) -> str | None:
    """The value of a field as text.

    Args:
        row: The row.
        field: A field of `Row`, or of its attributes, with `attributes.` before it or not.

    Returns:
        The value; None where the row has none, or one that is a list or an object.
    """
    if field in ("id", "category", "image", "text", "split", "virtual_class", "source", "licence"):
        value = getattr(row, field)
    else:
        value = row.attributes.get(field.removeprefix("attributes."))
    if value is None or isinstance(value, list | dict):
        return None
    return str(value)


def texts_in(value: object) -> Iterator[str]:
    """Texts anywhere in a JSON value, as `attributes` may hold names of further files."""
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            rest.extend(one.values())
        elif isinstance(one, list | tuple):
            rest.extend(one)
