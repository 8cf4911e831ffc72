"""Draws a plot as SVG with pygal, of the extra ``web``."""

import sys
from xml.etree import ElementTree as ET

import pygal  # type: ignore[import-untyped]
from pygal.style import Style  # type: ignore[import-untyped]

from parley.web.periods import Plot

# pygal adds a finder of plug-ins to Python's import system, of a form that Python 3.12 dropped and
# 3.11 warns about at every import. Parley uses none of them.
sys.meta_path[:] = [
    finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)
]

LIGHT = ("#0b5cad", "#b3450b", "#1a7f37", "#8250df", "#6e6600", "#a40e26")
DARK = ("#6cb6ff", "#f69d50", "#57c16b", "#c297ff", "#d4c443", "#ff938a")
"""Colours of lines and bars, with a contrast of at least 4.5 to the page's background."""
WIDTH, HEIGHT = 440, 220
LABELS = 5
"""Labels of the time axis."""


def svg(plot: Plot) -> bytes:
    """The plot as an SVG document, without scripts; it follows the light or dark colours that the
    browser asks for. Blocking, about 10 ms."""
    chart = (pygal.Bar if plot.bars else pygal.Line)(
        style=_STYLE,
        css=["file://style.css", "file://graph.css", f"inline:{_DARK_CSS}"],
        js=[],
        width=WIDTH,
        height=HEIGHT,
        explicit_size=False,
        show_legend=False,  # the page has one, in text
        min_scale=3,
        max_scale=5,
        order_min=0 if plot.bars else None,
        include_x_axis=True,
        show_minor_x_labels=False,
        x_labels_major_count=LABELS,
        truncate_label=-1,
        dots_size=2,
        margin=8,
        margin_right=24,  # half a label of the time axis
        no_data_text="",
        value_formatter=lambda value: f"{value:g}",
        disable_xml_declaration=True,
    )
    chart.x_labels = list(plot.labels)
    for line in plot.lines:
        chart.add(line.name, list(line.points), allow_interruptions=True)
    return _without_scripts(chart.render())


def _without_scripts(document: bytes | str) -> bytes:
    """Pygal's scripts show values below the mouse; the page has a table for that."""
    root = ET.fromstring(document)  # noqa: S314 — made by pygal a moment ago
    for parent in root.iter():
        for child in list(parent):
            if child.tag.rpartition("}")[2] == "script":
                parent.remove(child)
    ET.register_namespace("", "http://www.w3.org/2000/svg")
    drawn: bytes = ET.tostring(root, encoding="utf-8")
    return drawn


_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#24292f",
    foreground_strong="#24292f",
    foreground_subtle="#6e7781",
    opacity="1",
    opacity_hover="1",
    transition="0s",
    colors=LIGHT,
    font_family="system-ui, sans-serif",
    label_font_size=12,
    major_label_font_size=12,
    guide_stroke_color="#afb8c1",
    major_guide_stroke_color="#afb8c1",
)


def _dark_css() -> str:
    """What changes in a dark browser. Pygal's own rules name the chart's id, which is not known
    here; so these have to be important."""
    colours = "".join(
        f" .color-{index} {{ stroke: {colour} !important; fill: {colour} !important; }}"
        for index, colour in enumerate(DARK)
    )
    return (
        "@media (prefers-color-scheme: dark) {"
        " text { fill: #e6edf3 !important; }"
        " .axis .line, .axis .guide.line { stroke: #4b535d !important; }"
        f"{colours} }}"
    )


_DARK_CSS = _dark_css()
