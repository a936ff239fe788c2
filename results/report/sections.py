"""What stands between the verdict and the provenance: sections in reading order, each with its
figures, its words and its table."""

import statistics
from dataclasses import dataclass

import words
from compare import BEYOND, CONFIDENCE, INDIFFERENCE
from figures import clock, convergence, heatmap, importance, noise, roofline, speedup, times


@dataclass(frozen=True)
class Section:
    name: str  # unique on the page
    title: str
    figures: list
    nothing: str = ""  # said where there is neither figure nor table
    note: str = ""
    table: str = ""  # template of what follows the figures


def nothing(total, reason):
    """Why there is no figure of these ratios."""
    return "No ratio is reliable: the times scatter too widely." if total.unreliable else reason


def _speedups(summary, prefix, compared):
    """The generated kernels against whom they are compared with."""
    vendors, peers = ", ".join(summary.vendors), ", ".join(summary.peers)
    earlier = [Section(
        "earlier", "Against the earlier database",
        speedup.draw(summary, f"{prefix}earlier", lambda r: r.over_earlier,
                     "that of the earlier database",
                     f"what noise may make of the ratio: {BEYOND} times the combined spread of both "
                     f"times, at least {words.percent(INDIFFERENCE, 0)}"),
        nothing(summary.over_earlier, "No layer of this device has a generated kernel in both."),
        earlier_note(summary), "changes.html.j2")]
    peer = [Section(
        "peers", "Generated against peers",
        speedup.draw(summary, f"{prefix}peers", lambda r: r.over_peer, "the fastest peer",
                     f"the {words.percent(CONFIDENCE, 0)} interval of the ratio, from each side’s "
                     "own; they were not measured in turns"),
        nothing(summary.over_peer, ""), "The best generated kernel of a layer against the fastest "
        f"of what other programs took on this device: {peers}.")]
    return [
        *(earlier if compared else []),
        Section("vendor", "Generated against vendor",
                speedup.draw(summary, f"{prefix}vendor", lambda r: r.over_vendor,
                             f"the vendor’s best ({vendors})"),
                nothing(summary.over_vendor, "No vendor library was measured on this device."),
                "The best generated kernel of a layer against the best vendor kernel of the same "
                "layer, from the same finals.", "classes.html.j2"),
        Section("default", "Speed-up over the untuned default",
                speedup.draw(summary, f"{prefix}default", lambda r: r.over_default,
                             "the untuned default"),
                nothing(summary.over_default, "No layer has both a generated kernel and an untuned "
                        "default in its finals."),
                "Generated kernels only."),
        *(peer if summary.peers else []),
    ]


def sections(summary, prefix, failed, compared):
    """`failed`: whether any candidate did; `compared`: whether there is an earlier database."""
    found = heatmap.bases(summary.rows)
    shown = min(len(found), heatmap.MOST_BASES)
    return [
        *_speedups(summary, prefix, compared),
        Section("roofline", "Roofline", roofline.draw(summary, f"{prefix}roofline", "generated"),
                "No generated candidate was timed.", "Generated kernels only."),
        Section("roofline-vendor", "Roofline of the vendor’s kernels",
                roofline.draw(summary, f"{prefix}roofline-vendor", "vendor"),
                "No vendor library was measured on this device.", "Vendor kernels only."),
        Section("heatmap", "Stride × dilation", heatmap.draw(summary, f"{prefix}heatmap"),
                "No base layer was tuned at two or more strides and two or more dilations, so "
                "there is no map to draw.",
                f"The {shown} base layers with most cells, of {len(found)}."
                if len(found) > shown else ""),
        Section("times", "Candidate times", times.draw(summary, f"{prefix}times"),
                "No generated candidate was timed.",
                "Generated candidates; the vendor’s best is marked for comparison."),
        Section("settings", "Which setting matters", importance.draw(summary, f"{prefix}settings"),
                f"No layer has {importance.LEAST} right candidates of one generated family.",
                "Generated kernels only. A search looks longest near the best, so that settings "
                "which were soon decided are seen less; “convtune tune --exhaustive” looks at all."),
        Section("search", "Search", convergence.draw(summary, f"{prefix}search"),
                "The order in which candidates were measured is not stored."),
        Section("failures", "Failed candidates", [],
                "" if failed else "No candidate failed or was skipped.",
                "Candidates that fail are normal in a search: none of them can win. Reasons that "
                "differ only in numbers are counted as one." if failed else "",
                "failures.html.j2" if failed else ""),
        Section("noise", "Noise", noise.draw(summary, f"{prefix}noise"),
                "No candidate has three samples or more.", noise_note(summary)),
        Section("clock", "Clock", clock.draw(summary, f"{prefix}clock"),
                "The machine did not tell the device’s clock."),
    ]


def earlier_note(summary):
    """How many layers are slower than then, and by how much all are."""
    found = summary.over_earlier
    if not found.layers:
        return ""
    text = (f"Of {words.count(found.layers, 'layer')} in both, the generated kernels of "
            f"{found.slower:,} are slower beyond noise, of {found.faster:,} faster, of "
            f"{found.ties:,} unchanged; in the mean they run at {words.ratio(found.mean)} the speed "
            "of then.")
    if summary.lost:
        text += f" {words.count(len(summary.lost), 'layer')} had a winner and has none here."
    return text


def noise_note(summary):
    tied = sum(bool(r.verdict.tied) for r in summary.decided)
    noises = [r.verdict.noise for r in summary.decided if r.verdict.noise is not None]
    if not noises:
        return ""
    return (f"The winners scatter by {words.percent(statistics.median(noises))} in the median and "
            f"{words.percent(max(noises))} at most. On {tied:,} of "
            f"{words.count(len(summary.decided), 'layer')} the winner is tied: other candidates "
            "were proven as fast within 1.5 %.")
