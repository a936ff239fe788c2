"""The file format of the golden cases: one JSON object a line.

name, source, computed_in ("float64" or "float32"), problem (as convtune writes it), x, weight,
bias (absent without one), y: flat lists in the problem's layout. x, weight and bias are exactly
representable in the problem's dtype; y is not rounded to it. What JSON lacks is written as the
strings "nan", "inf" and "-inf".
"""

import json
import math


def numbers(values):
    def plain(v):
        v = float(v)
        if not math.isfinite(v):
            return str(v)
        return int(v) if v.is_integer() and abs(v) < 2**53 else v

    return [plain(v) for v in values]


def write(path, cases):
    with open(path, "w", encoding="utf-8") as out:
        for case in cases:
            out.write(json.dumps(case, separators=(",", ":")) + "\n")
