"""How the times of a layer's candidates are distributed, with the kernels that matter marked."""

import statistics

import style
import words

FEW = 40  # layers that still get a strip each
SLOWEST = 25  # strips, of more layers than that: those that take the most time


def _relative(row):
    """Times of all generated candidates over the time of the best one, and the same for the
    default and the vendor's best (None where there is none). All are medians of their own kind:
    candidates from the search, the marked ones from the finals."""
    verdict = row.verdict
    best = verdict.best_generated_seconds
    searched = row.layer.measurement(verdict.best_generated)
    unit = searched.seconds if searched and searched.seconds else best
    times = [m.seconds / unit for m in row.measured if m.origin == "generated"]
    over = [s / best if s else None for s in (verdict.default_seconds, verdict.best_vendor_seconds)]
    return times, *over


def _strips(axes, rows):
    clouds, defaults, vendors = zip(*map(_relative, rows))
    points = [(t, y) for y, times in enumerate(clouds) for t in times]
    axes.scatter(*zip(*points), marker="|", s=34, linewidths=0.6, color=style.MUTED, alpha=0.55,
                 rasterized=len(points) > style.MANY_POINTS, label="generated candidate")
    _marks(axes, range(len(rows)), [1.0] * len(rows), defaults, vendors, swap=False)
    labels = [f"{style.shorten(r.name, 38)}   {words.seconds(r.verdict.best_generated_seconds)}"
              for r in rows]
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(True)
    _scale(axes, "x", [t for t, _ in points], [*defaults, *vendors])


def _marks(axes, places, best, defaults, vendors, swap):
    """Chosen, default and vendor as three shapes; `swap` puts the times on y."""
    kinds = (
        (best, "best generated", {"marker": "o", "color": style.GAIN, "s": 26}),
        (defaults, "untuned default",
         {"marker": "s", "facecolor": style.PAPER, "edgecolor": style.INK, "s": 20}),
        (vendors, "best vendor", {"marker": "D", "color": style.VENDOR, "s": 18}),
    )
    for times, label, look in kinds:
        marked = [(t, place) for t, place in zip(times, places) if t]
        if marked:
            x, y = zip(*marked)
            axes.scatter(*((y, x) if swap else (x, y)), linewidths=0.9, zorder=3, label=label,
                         rasterized=len(marked) > style.MANY_POINTS, **look)


def _bands(axes, rows):
    """All layers by rank of their median candidate: how wide the space is."""
    relative = sorted(map(_relative, rows), key=lambda r: statistics.median(r[0]))
    clouds, defaults, vendors = zip(*relative)
    ranks = range(1, len(rows) + 1)
    cuts = [statistics.quantiles(t, n=10, method="inclusive") if len(t) > 1 else t * 9
            for t in clouds]
    axes.fill_between(ranks, [c[0] for c in cuts], [c[8] for c in cuts], color=style.RULE,
                      linewidth=0, label="middle 80 % of generated candidates")
    axes.plot(ranks, [c[4] for c in cuts], color=style.MUTED, linewidth=1, label="their median")
    for times, label, marker, colour in ((defaults, "untuned default", "s", style.INK),
                                         (vendors, "best vendor", "D", style.VENDOR)):
        marked = [(rank, t) for rank, t in zip(ranks, times) if t]
        if marked:
            axes.plot(*zip(*marked), marker, color=colour, markersize=1.8, markeredgewidth=0,
                      label=label, rasterized=len(marked) > style.MANY_POINTS)
    axes.axhline(1, color=style.GAIN, linewidth=1.2, label="best generated")
    axes.set_xlim(1, len(rows))
    axes.grid(axis="y")
    axes.set_xlabel("layers, by their median candidate (rank)")
    _scale(axes, "y", [c for cut in cuts for c in cut], [*defaults, *vendors])


def _scale(axes, which, times, marks):
    shown = [*times, *filter(None, marks), 1.05]
    low, high = min(0.95, *shown), max(shown)
    margin = (high / low) ** 0.04
    style.ratio_axis(axes, which, low / margin, high * margin)


_LABEL = "time over that of the best generated kernel (ratio, log scale)"
_ABOUT = "Lower is faster; a vendor mark below 1× is a loss."


def draw(summary, name):
    rows = [r for r in summary.decided
            if r.verdict.best_generated_seconds and any(m.origin == "generated" for m in r.measured)]
    figures = []
    if len(rows) > FEW:
        with style.canvas(3.2) as (drawn, axes):
            _bands(axes, rows)
            axes.set_ylabel(_LABEL.replace(" (", "\n("))
            axes.legend(loc="upper left", ncol=2)
            figures.append(style.figure(
                drawn, f"{name}-all", f"Candidate times of all {words.count(len(rows), 'layer')}, "
                f"relative to the best generated kernel of each. {_ABOUT}"))
        rows = rows[:SLOWEST]
    if rows:
        with style.canvas(1.1 + 0.225 * len(rows)) as (drawn, axes):
            _strips(axes, rows)
            axes.set_xlabel(_LABEL)
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncol=4, borderaxespad=0.2,
                        handletextpad=0.2, columnspacing=1.2)
            which = f"The {len(rows)} slowest layers" if figures else "Every layer"
            figures.append(style.figure(
                drawn, name, f"{which}, slowest first, with the time of the best generated kernel; "
                f"one tick a candidate that is right. {_ABOUT}"))
    return figures
