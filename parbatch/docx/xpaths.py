"""XPath expressions, compiled once: `element.xpath()` compiles its own at each call, which costs more than
running it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docx.oxml.ns import nsmap
from docx.oxml.xmlchemy import BaseOxmlElement
from lxml import etree

from parbatch.docx.stood_for import path

if TYPE_CHECKING:
    from parbatch.docx.patching import Patches

_LIMIT = 512  # python-docx itself uses about forty; expressions with a value inside fill the rest

_compiled: dict[str, etree.XPath] = {}
_namespaces: dict[str, str] = dict(nsmap)
_XPATH = path("docx.oxml.xmlchemy:BaseOxmlElement.xpath")


def compiled(expression: str) -> etree.XPath:
    """Return an XPath over python-docx's namespaces, for expressions that are constants of this package."""
    return etree.XPath(expression, namespaces=nsmap)


def _xpath(self: Any, xpath_str: str) -> Any:
    """The same evaluation, of an expression compiled before with the same namespaces.

    Users may add to `nsmap`, so it is compared each time; what does not compile goes the old way, for its own
    error.
    """
    if nsmap != _namespaces or len(_compiled) > _LIMIT:
        _compiled.clear()
        _namespaces.clear()
        _namespaces.update(nsmap)
    try:
        expression = _compiled[xpath_str]
    except (KeyError, TypeError):
        try:
            expression = _compiled[xpath_str] = etree.XPath(xpath_str, namespaces=nsmap)
        except Exception:  # noqa: BLE001 - the original raises what it always raised
            return _XPATH.original(self, xpath_str)
    return expression(self)


def install(patches: Patches) -> None:
    """Replace `BaseOxmlElement.xpath`."""
    patches.replace(BaseOxmlElement, "xpath", _xpath, _XPATH.name)
