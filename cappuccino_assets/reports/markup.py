"""Elements of a page: text is escaped, elements are not."""

from collections.abc import Iterable
from html import escape


class Element(str):
    """Markup that is whole; whatever else is put into a page is text."""

    __slots__ = ()


def element(name: str, *children: "str | Element", **attributes: object) -> Element:
    """Build an element.

    Args:
        name: Its tag.
        children: Text, which is escaped, and elements.
        attributes: By name; a trailing underscore is dropped, others become hyphens, and what is
            None is left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Element(f"<{name}{written}>{joined(children)}</{name}>")


def joined(children: Iterable["str | Element"]) -> Element:
    """Put elements and text one behind the other."""
    return Element("".join(_escaped(child) for child in children))


def table(
    headers: Iterable["str | Element"],
    rows: Iterable[Iterable["str | Element"]],
    *,
    class_: str | None = None,
) -> Element:
    """Build a table whose first column names the rows; a wide one scrolls on a narrow screen."""
    head = element("tr", *(element("th", each, scope="col") for each in headers))
    body = [
        element(
            "tr",
            element("th", first, scope="row"),
            *(element("td", each) for each in others),
        )
        for first, *others in rows
    ]
    whole = element("table", element("thead", head), element("tbody", *body), class_=class_)
    return element("div", whole, class_="scroll")


def figure(heading: str, *content: Element, caption: str) -> Element:
    """Put a heading above a picture, and below it how it is read."""
    return element("figure", element("h3", heading), *content, element("figcaption", caption))


def _escaped(child: "str | Element") -> str:
    return child if isinstance(child, Element) else escape(child, quote=False)
