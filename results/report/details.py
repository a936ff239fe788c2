"""What a layer shows when it is selected."""

import re
import statistics

import order
import strip
import words
from load import family, settings


def roles(row):
    """[(roles, measurement)] of the kernels that matter and have samples."""
    verdict = row.verdict
    found = {}
    for role, config in (("winner", verdict.winner), ("best generated", verdict.best_generated),
                         ("best vendor", verdict.best_vendor),
                         ("untuned default", verdict.default_config), ("fastest peer", row.peer)):
        if config:
            found.setdefault(config, []).append(role)
    measured = [(", ".join(names), row.layer.measurement(config))
                for config, names in found.items()]
    return [(names, m) for names, m in measured if m and m.samples]


def outcomes(row):
    """"21 ok, 3 failed"."""
    counts = {}
    for m in row.candidates:
        counts[m.outcome] = counts.get(m.outcome, 0) + 1
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items())


def quarters(row):
    """The least, the quartiles and the most of the times of the right generated candidates, in
    words; empty with fewer than four."""
    times = [m.seconds for m in row.measured if m.origin == "generated"]
    if len(times) < 4:
        return ""
    low, middle, high = statistics.quantiles(times, n=4, method="inclusive")
    return (f"{words.seconds(min(times))} to {words.seconds(max(times))}, half of them between "
            f"{words.seconds(low)} and {words.seconds(high)}, median {words.seconds(middle)}")


def _run(device, row):
    return next((r for r in device.runs if r.get("id") == row.verdict.run), {})


def _search_options(command):
    """Those options of a sweep that decide how one layer is searched and timed."""
    found = {"exhaustive": True} if "--exhaustive" in command.split() else {}
    limit = re.search(r"--candidate-limit[ =](\S+)", command)
    return found | ({"candidate-limit": limit[1]} if limit else {})


def commands(device, row):
    """Shell lines that show the plan, time it again, search again in a database of its own and,
    where the best generated kernel is a CUDA kernel, print its source. On a CPU they begin with the
    threads that were used."""
    problem, kind = row.layer.problem, device.properties.get("kind")
    on = {"device": kind} if kind else {}
    lines = [words.shell("plan", problem, **on), words.shell("bench", problem, **on)]
    if row.verdict and kind:
        run = _run(device, row)
        lines.append(words.shell("tune", problem, **on, seed=run.get("seed") or 0,
                                 **_search_options(run.get("command") or ""), db="again.db"))
    if row.verdict and kind == "cuda" and row.verdict.best_generated:
        lines.append(words.shell("source", problem, config=row.verdict.best_generated,
                                 arch=device.properties.get("arch") or "sm_90a"))
    if kind == "cpu" and device.properties.get("units"):
        lines.insert(0, f"export CONVTUNE_NUM_THREADS={device.properties['units']}")
    return lines


def unit(row, units):
    """The generated source of the best generated kernel, "" if `units` has not what was measured."""
    best = row.layer.measurement(row.verdict.best_generated)
    return units.get(best.source_digest, "") if best else ""


def source(device, row, unit_is_shown):
    """What is to be said of the code of the best generated kernel."""
    if unit_is_shown:
        return ("What was generated for the best generated kernel. The last command prints it, with "
                "--headers all that it includes as well.")
    if device.properties.get("kind") == "cuda":
        return ("This program does not generate what was measured; the last command prints what it "
                "generates for the same settings.")
    name = family(row.verdict.best_generated or row.verdict.winner)
    return f"CPU kernels are part of the program and have no generated source; this one is {name}."


def decided(device, row):
    """When and by which command the winner was found."""
    return row.verdict.decided_at, _run(device, row).get("command") or ""


def globals_of_templates():
    return {"words": words, "family": family, "settings": settings, "roles": roles,
            "outcomes": outcomes, "quarters": quarters, "commands": commands, "source": source,
            "decided": decided, "strip_of": strip.draw, "orders": order.orders,
            "places": order.places}
