"""Charts as SVG elements, coloured by the page's style sheet so that they follow it into the dark.

A chart has a width of 960 units, and is as wide as the page lets it be.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

import numpy as np

from cappuccino_assets.reports.axes import Axis, time_ticks
from cappuccino_assets.reports.markup import Element, element
from cappuccino_assets.types import FloatArray

WIDTH: Final = 960
LEFT: Final = 64
RIGHT: Final = 948
_N_BUCKETS: Final = 240


@dataclass(kw_only=True)
class Chart:
    """A picture that is drawn from the back to the front.

    Attributes:
        x: Scale from left to right.
        y: Scale from bottom to top.
        height: In units of the picture.
        parts: What was drawn.
    """

    x: Axis
    y: Axis
    height: float
    parts: list[Element] = field(default_factory=list)

    def line(self, x: FloatArray, y: FloatArray, *, class_: str) -> None:
        """Draw a line; of many points only the extremes of short stretches."""
        shown = extremes(y)
        points = _points(self.x.at(x[shown]), self.y.at(y[shown]))
        self.parts.append(element("polyline", points=points, class_=f"line {class_}"))

    def band(self, x: FloatArray, low: FloatArray, high: FloatArray, *, class_: str) -> None:
        """Fill what is between two lines."""
        shown = np.linspace(0, len(x) - 1, min(_N_BUCKETS, len(x))).astype(int)
        places = self.x.at(x[shown])
        upper = _points(places, self.y.at(high[shown]))
        lower = _points(places[::-1], self.y.at(low[shown][::-1]))
        points = f"{upper} {lower}"
        self.parts.append(element("polygon", points=points, class_=f"band {class_}"))

    def box(
        self, x: tuple[float, float], y: tuple[float, float], *, class_: str, title: str = ""
    ) -> None:
        """Fill a rectangle between two numbers on either axis."""
        (left, right), (top, bottom) = sorted(self.x.at(x)), sorted(self.y.at(y))
        self.parts.append(
            element(
                "rect",
                *_titled(title),
                x=_number(left),
                y=_number(top),
                width=_number(right - left),
                height=_number(bottom - top),
                class_=class_,
            )
        )

    def dot(self, x: float, y: float, *, class_: str, radius: float = 4, title: str = "") -> None:
        """Draw a point."""
        cx, cy = _number(self.x.at(x)), _number(self.y.at(y))
        drawn = element("circle", *_titled(title), cx=cx, cy=cy, r=radius, class_=f"dot {class_}")
        self.parts.append(drawn)

    def segment(self, x: tuple[float, float], y: tuple[float, float], *, class_: str) -> None:
        """Draw a straight line between two points."""
        (x1, x2), (y1, y2) = self.x.at(x), self.y.at(y)
        ends = {"x1": x1, "x2": x2, "y1": y1, "y2": y2}
        written = {name: _number(value) for name, value in ends.items()}
        self.parts.append(element("line", class_=class_, **written))

    def across(self, y: float, *, class_: str) -> None:
        """Draw a line from left to right."""
        self.segment((self.x.low, self.x.high), (y, y), class_=class_)

    def upright(self, x: float, *, class_: str) -> None:
        """Draw a line from bottom to top."""
        self.segment((x, x), (self.y.low, self.y.high), class_=class_)

    def label(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: Literal["start", "middle", "end"] = "start",
        class_: str = "note",
    ) -> None:
        """Write at a place, in units of the picture."""
        place = {"x": _number(x), "y": _number(y)}
        self.parts.append(element("text", text, text_anchor=anchor, class_=class_, **place))

    def y_ticks(self, form: str, *, n: int = 5) -> None:
        """Write numbers at the left, with a line across for each."""
        for tick in self.y.ticks(n):
            self.across(tick, class_="grid")
            self.label(LEFT - 8, float(self.y.at(tick)) + 4, form.format(tick), anchor="end")

    def x_ticks(self, form: str, *, n: int = 8) -> None:
        """Write numbers below, with a line upwards for each."""
        for tick in self.x.ticks(n):
            self._x_tick(tick, form.format(tick))

    def time_ticks(self, *, written: bool = True) -> None:
        """Write dates below."""
        for tick, text in time_ticks(self.x.low, self.x.high):
            self._x_tick(tick, text if written else "")

    def drawn(self, *, title: str) -> Element:
        """Put everything into one picture.

        Args:
            title: What it shows, for those who cannot see it.
        """
        return element(
            "svg",
            element("title", title),
            *self.parts,
            viewBox=f"0 0 {WIDTH} {_number(self.height)}",
            role="img",
            xmlns="http://www.w3.org/2000/svg",
        )

    def _x_tick(self, tick: float, text: str) -> None:
        self.upright(tick, class_="grid")
        text = text if tick else text.lstrip("+")
        if text:
            self.label(float(self.x.at(tick)), self.y.begins + 18, text, anchor="middle")


def extremes(values: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Choose the points of a line that must be drawn: of each short stretch lowest and highest."""
    if len(values) <= 2 * _N_BUCKETS:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), _N_BUCKETS + 1).astype(int)
    stretches = [(a, values[a:b]) for a, b in pairwise(edges)]
    chosen = [a + each for a, part in stretches for each in (part.argmin(), part.argmax())]
    return np.unique([0, *chosen, len(values) - 1])


def _points(x: FloatArray, y: FloatArray) -> str:
    return " ".join(f"{_number(a)},{_number(b)}" for a, b in zip(x, y, strict=True))


def _number(value: float | FloatArray) -> str:
    return f"{float(value):.1f}".removesuffix(".0")


def _titled(title: str) -> list[Element]:
    return [element("title", title)] if title else []
