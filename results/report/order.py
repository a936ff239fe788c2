"""The orders in which all layers can be shown. They need no script: each layer carries its place
in each order, and the style sheet puts it there where that order is selected."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from compare import Standing


@dataclass(frozen=True)
class Order:
    name: str  # by which the style sheet knows it
    title: str
    key: Callable  # of a Row: the least comes first, None last


def _reliable(comparison):
    unknown = comparison is None or comparison.standing is Standing.unreliable
    return None if unknown else comparison.ratio


def _natural(row):
    """Numbers in names count as numbers: "s2" before "s10"."""
    parts = re.split(r"([0-9]{1,18})", row.name.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


AS_SUMMARISED = Order("time", "slowest first", lambda row: 0)
OTHERS = (
    Order("default", "worst against default first", lambda row: _reliable(row.over_default)),
    Order("vendor", "worst against vendor first", lambda row: _reliable(row.over_vendor)),
    Order("name", "by name", _natural),
)


def orders(rows):
    """Those that tell the rows of a Summary apart, its own one first."""
    if len(rows) < 2:
        return []
    return [AS_SUMMARISED, *(each for each in OTHERS
                             if any(each.key(row) is not None for row in rows))]


def places(rows):
    """The style of each row, its place in each order: "--by-default:3;--by-vendor:0;--by-name:7"."""
    found = [[] for _ in rows]
    for each in OTHERS:
        keys = list(map(each.key, rows))
        known = sorted((i for i, key in enumerate(keys) if key is not None), key=keys.__getitem__)
        unknown = [i for i, key in enumerate(keys) if key is None]
        for place, index in enumerate(known + unknown):
            found[index].append(f"--by-{each.name}:{place}")
    return list(map(";".join, found))
