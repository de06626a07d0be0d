"""A report's charts as Vega-Lite, and the script that draws them.

Colours are the page's own variables, so light, dark and print fit. What rows say stays data in the specification and is
never part of an expression.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pandas as pd

from reports.cells import visible
from reports.document import Chart, Mark, ReportColumn, Unit
from reports.pages import template_text
from reports.values import CURRENCY, as_day, as_utc, in_words, is_unknown

COLOURS = [f"var(--chart-{number})" for number in range(1, 9)]
HEIGHT, BAR_STEP = 260, 30
_SIZES = {0: "bytes", 3: "kB", 6: "MB", 9: "GB", 12: "TB", 15: "PB"}


@cache
def drawing_scripts() -> tuple[str, str]:
    """Vega, Vega-Lite and their embedding as one script, and ours that draws each chart of a page with it."""
    import altair
    import vl_convert

    version = altair.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    bundle = vl_convert.javascript_bundle(vl_version=version)  # type: ignore[call-arg]  # all of it has a default
    return bundle, template_text("charts.js")


def chart_json(chart: Chart) -> str:
    """The chart's specification, safe inside a script element; the same chart gives the same text."""
    text = json.dumps(specification(chart), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def specification(chart: Chart) -> dict[str, Any]:
    """The chart as Vega-Lite: every point has its value in words for whoever points at it."""
    import altair as alt

    unit, factor = _scale(chart)
    points = [_point(chart, row, factor) for row in chart.rows.to_dict("records")]
    base = alt.Chart(alt.Data(values=points))  # type: ignore[no-untyped-call]
    drawn = base.mark_bar() if chart.mark is Mark.BARS else base.mark_line(point=True, strokeWidth=2)
    layers = [drawn.encode(**_places(chart, unit), **_words(chart))]
    for name, value in chart.limits:
        layers += _limit(visible(name), value / factor, lies=_lies(chart))
    height = BAR_STEP * max(2, len({point["x"] for point in points})) if _lies(chart) else HEIGHT
    made = alt.layer(*layers).properties(width="container", height=height, background="transparent")
    return {**made.to_dict(), "config": CONFIG}


def _lies(chart: Chart) -> bool:
    """Whether bars lie: those of words do, so that each word can be read on a phone too."""
    return chart.mark is Mark.BARS and chart.x.unit not in (Unit.DAY, Unit.TIME)


def _places(chart: Chart, unit: str) -> dict[str, Any]:
    """Where a point stands. Days and times are UTC on every machine; words keep their order."""
    import altair as alt

    title = visible(chart.y.heading) + (f" ({unit})" if unit else "")
    y_axis = alt.Axis(format="%") if chart.y.unit is Unit.SHARE else alt.Axis(tickCount=5)
    if chart.y.unit is Unit.COUNT:
        y_axis.tickMinStep = 1  # there is no fifth of a SIM
    x_axis = alt.Axis(labelLimit=130, labelOverlap=True, labelSeparation=10)
    if _lies(chart):
        return {"y": alt.Y("x:N", sort=None, title=None, axis=x_axis), "x": alt.X("y:Q", title=title, axis=y_axis)}
    y = alt.Y("y:Q", title=title, axis=y_axis)
    if chart.x.unit is Unit.DAY:
        x_axis.format = "%d %b"
        return {"x": alt.X("x:T", timeUnit="utcyearmonthdate", title=None, axis=x_axis), "y": y}
    if chart.x.unit is Unit.TIME:
        return {"x": alt.X("x:T", scale=alt.Scale(type="utc"), title=None, axis=x_axis), "y": y}
    return {"x": alt.X("x:N", sort=None, title=visible(chart.x.heading), axis=x_axis), "y": y}


def _words(chart: Chart) -> dict[str, Any]:
    """What a point says when somebody points at it, and whose it is."""
    import altair as alt

    told = [alt.Tooltip("x_words:N", title=visible(chart.x.heading))]
    told += [alt.Tooltip("series:N", title=visible(chart.series.heading))] if chart.series else []
    told += [alt.Tooltip("y_words:N", title=visible(chart.y.heading))]
    if chart.series is None:
        return {"tooltip": told}
    legend = alt.Legend(orient="bottom", columns=2, title=None, labelLimit=160)
    return {
        "tooltip": told,
        "color": alt.Color("series:N", sort=None, scale=alt.Scale(range=COLOURS), legend=legend),
    }


def _limit(name: str, value: float, *, lies: bool) -> list[Any]:
    import altair as alt

    rows = alt.Data(values=[{"y": value, "name": name}])  # type: ignore[no-untyped-call]
    base = alt.Chart(rows).encode(**({"x": "y:Q"} if lies else {"y": "y:Q"}))
    words = base.mark_text(align="left", baseline="bottom", dx=4, dy=-2, color="var(--failed)")
    return [
        base.mark_rule(color="var(--failed)", strokeDash=[5, 4]),
        words.encode(text="name:N", **({"y": alt.value(0)} if lies else {"x": alt.value(0)})),
    ]


def _point(chart: Chart, row: Mapping[Any, Any], factor: float) -> dict[str, Any]:
    x, y = row[chart.x.name], row[chart.y.name]
    currency = str(row.get(CURRENCY) or "")
    point = {
        "x": _place(x, chart.x),
        "x_words": visible(in_words(x, chart.x.unit)),
        "y": None if is_unknown(y) else float(y) / factor,
        "y_words": visible(in_words(y, chart.y.unit, currency)),
    }
    if chart.series:
        series = row[chart.series.name]
        point["series"] = visible(in_words(series, chart.series.unit))
    return point


def _place(value: Any, column: ReportColumn) -> str | None:
    if is_unknown(value):
        return None
    if column.unit is Unit.DAY:
        return f"{as_day(value).isoformat()}T00:00:00Z"
    if column.unit is Unit.TIME:
        return as_utc(value).isoformat()
    return visible(in_words(value, column.unit))


def _scale(chart: Chart) -> tuple[str, float]:
    """The unit of the axis, and what a value is divided by for it."""
    values: pd.Series[Any] = chart.rows[chart.y.name].dropna()
    if chart.y.unit is Unit.BYTES:
        largest = max((abs(int(value)) for value in values), default=0)
        power = min((len(str(largest)) - 1) // 3 * 3, max(_SIZES))
        return _SIZES[power], float(10**power)
    if chart.y.unit is Unit.CENTS:
        currencies = set(chart.rows[CURRENCY].dropna()) if CURRENCY in chart.rows else set()
        return visible(str(currencies.pop())) if len(currencies) == 1 else "", 100.0
    return "", 1.0


_QUIET = {
    "labelColor": "var(--soft)",
    "titleColor": "var(--soft)",
    "domainColor": "var(--line)",
    "gridColor": "var(--line)",
    "tickColor": "var(--line)",
    "titleFontWeight": 400,
    "labelFontSize": 12,
    "titleFontSize": 12,
}
CONFIG: dict[str, Any] = {
    "font": "inherit",
    "view": {"stroke": None},
    "axis": _QUIET,
    "legend": {"labelColor": "var(--ink)", "labelFontSize": 12, "symbolType": "square"},
    "bar": {"color": COLOURS[0]},
    "line": {"color": COLOURS[0]},
    "point": {"color": COLOURS[0]},
    "range": {"category": COLOURS},
}
