"""Heat maps stride × dilation, one row of panels a base layer, one panel a number of groups."""

import math
from dataclasses import dataclass

import style
import words
from compare import Standing
from matplotlib.colors import LinearSegmentedColormap, Normalize

MOST_BASES = 6
_FACTORS = (1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100, 1000)  # that a colour bar may name
_VARIED = ("stride", "dilation", "num_groups", "padding")
_COLOURS = LinearSegmentedColormap.from_list("gain", [style.LOSS, "#ffffff", style.GAIN])


@dataclass
class Base:
    """Layers that differ in stride, dilation, groups and the padding that follows from them."""

    name: str
    panels: dict  # {num_groups: {(stride, dilation): speed-up}}

    @property
    def strides(self):
        return sorted({stride for cells in self.panels.values() for stride, _ in cells})

    @property
    def dilations(self):
        return sorted({dilation for cells in self.panels.values() for _, dilation in cells})

    @property
    def cells(self):
        return sum(map(len, self.panels.values()))


def _name(problem):
    return words.describe({**problem, "stride": "*", "dilation": "*", "num_groups": "*",
                           "padding": "*"}).replace(" s* p* d* g*", "")


def bases(rows):
    """The bases with at least two strides and two dilations, those with most cells first. Layers
    that share a cell are averaged geometrically."""
    logs = {}
    for r in rows:
        if r.over_default and r.over_default.standing is not Standing.unreliable:
            problem = r.layer.problem
            key = tuple(sorted((k, str(v)) for k, v in problem.items() if k not in _VARIED))
            panels = logs.setdefault(key, (_name(problem), {}))[1]
            cells = panels.setdefault(problem.get("num_groups", 1), {})
            cell = problem.get("stride", 1), problem.get("dilation", 1)
            cells.setdefault(cell, []).append(math.log(r.over_default.ratio))
    found = [
        Base(name, {groups: {cell: math.exp(sum(v) / len(v)) for cell, v in cells.items()}
                    for groups, cells in sorted(panels.items())})
        for name, panels in logs.values()
    ]
    found = [b for b in found if len(b.strides) > 1 and len(b.dilations) > 1]
    return sorted(found, key=lambda b: (-b.cells, b.name))


def _panel(axes, base, cells, reach):
    strides, dilations = base.strides, base.dilations
    grid = [[math.log2(cells.get((s, d), math.nan)) for d in dilations] for s in strides]
    axes.set_facecolor(style.RULE)
    image = axes.imshow(grid, cmap=_COLOURS, norm=Normalize(-reach, reach), aspect="auto")
    for (stride, dilation), value in cells.items():
        loss = value < 1
        dark = abs(math.log2(value)) > 0.62 * reach
        axes.text(dilations.index(dilation), strides.index(stride),
                  f"{value:.2f}" + (" ▼" if loss else ""), ha="center", va="center", fontsize=7.5,
                  color=style.PAPER if dark else style.INK, fontweight="bold" if loss else "normal")
    axes.set_xticks(range(len(dilations)), dilations)
    axes.set_yticks(range(len(strides)), strides)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image


def _draw(base, name, reach):
    groups = list(base.panels)
    columns = min(4, len(groups))
    lines = math.ceil(len(groups) / columns)
    height = lines * (0.75 + 0.3 * len(base.strides)) + 0.35
    width = min(style.WIDTH, 1.1 + columns * max(1.5, 0.55 * len(base.dilations)))
    with style.canvas(height, rows=lines, columns=columns, width=width,
                      squeeze=False) as (drawn, axes):
        for panel, count in zip(axes.flat, groups):
            image = _panel(panel, base, base.panels[count], reach)
            panel.set_title(words.count(count, "group"))
            panel.set_xlabel("dilation (taps apart)")
        for panel in list(axes.flat)[len(groups):]:
            panel.set_axis_off()
        for line in axes:
            line[0].set_ylabel("stride (samples)")
        bar = drawn.colorbar(image, ax=axes, shrink=0.9, aspect=18, pad=0.015)
        factors = [factor for factor in _FACTORS if math.log2(factor) <= reach][-2:]
        ratios = [1, *factors, *(1 / factor for factor in factors)]
        bar.set_ticks(list(map(math.log2, ratios)), labels=[f"{r:.2g}×" for r in ratios])
        bar.set_label("speed-up (ratio)")
        bar.outline.set_visible(False)
        return style.figure(
            drawn, name, f"{base.name}: speed-up of the best generated kernel over the untuned "
            "default, by stride, dilation and groups. White is 1.0; ▼ marks a loss; grey cells "
            "have no reliable measurement.")


def draw(summary, name):
    found = bases(summary.rows)[:MOST_BASES]
    values = [v for b in found for cells in b.panels.values() for v in cells.values()]
    reach = max([0.25, *(abs(math.log2(v)) for v in values)])
    return [_draw(base, f"{name}-{index}", reach) for index, base in enumerate(found)]
