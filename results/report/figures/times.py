"""How the times of a layer's candidates are distributed, with the kernels that matter marked."""

import statistics

import style
import words

FEW = 40  # layers that still get a strip each
MOST_STEPS = 250  # of a curve
SLOWEST = 25  # strips, of more layers than that: those that take the most time


def _relative(row):
    """Times of all generated candidates over the time of the best one, and the same for the
    default and the vendor's best (None where there is none)."""
    verdict = row.verdict
    best = verdict.best_generated_seconds
    times = [m.seconds / best for m in row.measured if m.origin == "generated"]
    over = [s / best if s else None for s in (verdict.default_seconds, verdict.best_vendor_seconds)]
    return times, *over


def _strips(axes, rows):
    clouds, defaults, vendors = zip(*map(_relative, rows))
    points = [(t, y) for y, times in enumerate(clouds) for t in times]
    axes.scatter(*zip(*points), marker="|", s=34, linewidths=0.6, color=style.MUTED, alpha=0.8,
                 rasterized=len(points) > style.MANY_POINTS, label="generated candidate")
    _marks(axes, len(rows), defaults, vendors)
    axes.set_yticks(range(len(rows)), [style.label(r.name) for r in rows])
    for y, row in enumerate(rows):
        axes.text(1.07, y, words.seconds(row.verdict.best_generated_seconds), ha="right",
                  va="center", fontsize=8, transform=axes.get_yaxis_transform())
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(True)
    _scale(axes, [t for t in (*next(zip(*points)), *defaults, *vendors) if t])


def _marks(axes, rows, defaults, vendors):
    """Best, default and vendor as three shapes."""
    kinds = (
        ([1.0] * rows, "best generated", {"marker": "o", "color": style.GAIN, "s": 26}),
        (defaults, "untuned default",
         {"marker": "s", "facecolor": style.PAPER, "edgecolor": style.INK, "s": 20}),
        (vendors, "best vendor", {"marker": "D", "color": style.VENDOR, "s": 18}),
    )
    for times, label, look in kinds:
        marked = [(time, y) for y, time in enumerate(times) if time]
        if marked:
            axes.scatter(*zip(*marked), linewidths=0.9, zorder=3, label=label, **look)


def _curves(axes, rows):
    """The share of layers within a ratio, one curve a kind of kernel."""
    clouds, defaults, vendors = zip(*map(_relative, rows))
    tenths = [statistics.quantiles(t, n=10, method="inclusive") if len(t) > 1 else t * 9
              for t in clouds]
    kinds = (
        ([t[4] for t in tenths], "median candidate", style.MUTED, "-"),
        ([t[8] for t in tenths], "slowest tenth of candidates", style.MUTED, (0, (1, 1.5))),
        ([t for t in defaults if t], "untuned default", style.INK, (0, (6, 2))),
        ([t for t in vendors if t], "best vendor", style.VENDOR, (0, (6, 2, 1, 2))),
    )
    shown = [(sorted(times), *look) for times, *look in kinds if times]
    for times, label, colour, line in shown:
        shares = [100 * (i + 1) / len(times) for i in range(len(times))]
        thinned = slice(None, None, -(-len(times) // MOST_STEPS))
        times, shares = [*times[thinned], times[-1]], [*shares[thinned], 100]
        axes.step(times, shares, where="post", label=label, color=colour, linestyle=line,
                  linewidth=1.4)
    axes.axvline(1, color=style.GAIN, linewidth=1.4, label="best generated")
    axes.set_ylim(0, 100)
    axes.grid(True)
    _scale(axes, [t for times, *_ in shown for t in times])


def _scale(axes, times):
    low, high = min(0.95, *times), max(1.05, *times)
    margin = (high / low) ** 0.04
    style.ratio_axis(axes, "x", low / margin, high * margin)


_LABEL = "time over that of the best generated kernel (ratio, log scale)"


def draw(summary, name):
    rows = [r for r in summary.decided
            if r.verdict.best_generated_seconds and any(m.origin == "generated" for m in r.measured)]
    rows.sort(key=lambda r: -r.verdict.best_generated_seconds)
    figures = []
    if len(rows) > FEW:
        with style.canvas(3.2) as (drawn, axes):
            _curves(axes, rows)
            axes.set_xlabel(_LABEL)
            axes.set_ylabel("layers within it (%)")
            axes.legend(loc="lower right")
            figures.append(style.figure(
                drawn, f"{name}-all", f"Candidate times of all {words.count(len(rows), 'layer')}: "
                "the share of layers on which the named kernel takes at most so many times as long "
                "as the best generated one. Left of 1× the vendor is faster."))
        rows = rows[:SLOWEST]
    if rows:
        with style.canvas(1.1 + 0.225 * len(rows)) as (drawn, axes):
            _strips(axes, rows)
            axes.set_xlabel(_LABEL)
            style.legend_above(axes, handletextpad=0.2, columnspacing=1.2)
            which = f"The {len(rows)} slowest layers" if figures else "Every layer"
            figures.append(style.figure(
                drawn, name, f"{which}, slowest first, with the time of the best generated kernel "
                f"at the right; one tick a candidate that is right. A vendor mark below 1× is a loss."))
    return figures
