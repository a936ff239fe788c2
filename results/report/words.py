"""Numbers and names as people read them."""

import json
import math
import shlex

NO_VALUE = "–"
_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def significant(value, digits=3):
    """1234 → "1234", 12.345 → "12.3", 0.5 → "0.500": `digits` digits, never an exponent."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def seconds(value):
    """"12.3 µs"."""
    if value is None:
        return NO_VALUE
    scale, unit = next(((s, u) for s, u in _TIMES if value >= s), _TIMES[-1])
    return f"{significant(value / scale)} {unit}"


def ratio(value):
    """"1.83×"; two decimals below 10, so that columns line up."""
    if value is None:
        return NO_VALUE
    return f"{value:.2f}×" if value < 99.5 else f"{value:,.0f}×"


def percent(value, decimals=1):
    return NO_VALUE if value is None else f"{100 * value:.{decimals}f} %"


def count(number, singular, plural=None):
    """"1 layer", "1,234 layers"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def size(number_of_bytes):
    """"32 KiB"."""
    value, unit = float(number_of_bytes), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.4g} {unit}"


def layer_name(layer):
    """"Whisper-tiny encoder.conv1 +2": the first label, and how many more share the problem."""
    names = layer_names(layer)
    if not names:
        return describe(layer.problem)
    return names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "")


def layer_names(layer):
    """All labels of a layer, without repetition."""
    texts = (
        " ".join(filter(None, (label.get("model"), label.get("layer")))) for label in layer.labels
    )
    return list(dict.fromkeys(filter(None, texts)))


def shape_class(layer):
    return next((label["shape_class"] for label in layer.labels if label.get("shape_class")), "")


_DEFAULTS = {"batch": 1, "stride": 1, "padding": [0, 0], "dilation": 1, "num_groups": 1,
             "has_bias": False, "dtype": "float32", "math": "ieee", "layout": "NLC",
             "activation": "none"}


def essential(problem):
    """The problem as JSON without what the command line takes by itself."""
    rest = {k: v for k, v in problem.items() if k not in _DEFAULTS or v != _DEFAULTS[k]}
    return json.dumps(rest, separators=(",", ":"), ensure_ascii=False)


def describe(problem):
    """"NCL 1×80×3000 → 384, K3 s1 p1,1 d1 g1 float32"."""
    p = {**_DEFAULTS, **problem}
    padding = p["padding"]
    padding = ",".join(map(str, padding)) if isinstance(padding, list) else padding
    sizes = [p["batch"], p.get("length"), p.get("in_channels")]
    if p["layout"] == "NCL":
        sizes[1:] = sizes[:0:-1]
    text = (
        f"{p['layout']} {'×'.join(map(str, sizes))} → {p.get('out_channels')}, "
        f"K{p.get('kernel_size')} s{p['stride']} p{padding} d{p['dilation']} g{p['num_groups']} "
        f"{p['dtype']}"
    )
    extras = [p[key] for key in ("math", "activation") if p[key] != _DEFAULTS[key]]
    return " ".join([text, *extras])


def differences(problems):
    """For each of the problems what sets it apart from the others: "float16", "length 300"."""
    complete = [{**_DEFAULTS, **p} for p in problems]
    named = {"dtype": "", "math": "", "layout": "", "activation": "",
             "batch": "batch ", "length": "length "}
    telling = [key for key in named if len({p.get(key) for p in complete}) > 1]
    return [" ".join(f"{named[key]}{p.get(key)}" for key in telling) for p in complete]


def shell(command, problem, **options):
    """A shell line to run `convtune command` on the problem; an option that is True is a flag."""
    flags = "".join(f" --{name}" + ("" if value is True else f" {shlex.quote(str(value))}")
                    for name, value in options.items())
    return f"convtune {command} --problem {shlex.quote(essential(problem))}{flags}"


def numbers(times):
    """("µs", "9.66 10.1 9.71"): times in seconds, in the unit of the least."""
    scale, unit = next(((s, u) for s, u in _TIMES if min(times) >= s), _TIMES[-1])
    return unit, " ".join(significant(t / scale, 4) for t in times)
