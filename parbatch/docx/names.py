"""Names and new elements: `qn`, `OxmlElement`, and prototypes to copy.

`lxml` takes three times as long to make an element from a name as to copy one that exists: making encodes and
checks the name, looks its class up and declares its namespace, copying a node does none of this and gives the
same node.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from docx.oxml import ns as ns_module
from docx.oxml import parser as parser_module
from docx.oxml.ns import nsmap, qn
from docx.oxml.parser import OxmlElement

if TYPE_CHECKING:
    from parbatch.docx.patching import Patches

#: The prefixes of names that are remembered. All others are users' to change, and are looked up each time; where these
#: are changed, paths step aside (`comparing`).
_KEPT = frozenset(("w", "xml"))
_LIMIT = 4096  # names and prototypes kept; real documents use a few hundred

_clark_names: dict[str, str] = {}
_prototypes: dict[str, Any] = {}


def clark(tag: str) -> str:
    """Return the `{namespace}name` form of a prefixed tag such as `w:p`."""
    prefix, name = tag.split(":")
    return f"{{{nsmap[prefix]}}}{name}"


def prototype(tag: str) -> Any:
    """Return the element that is copied for a new `tag`; made by python-docx's own `OxmlElement`."""
    made = _prototypes.get(tag)
    if made is None:
        made = _original_element(tag)
        if len(_prototypes) < _LIMIT and tag.partition(":")[0] in _KEPT:
            _prototypes[tag] = made
    return made


def new_element(tag: str) -> Any:
    """Return a new loose element, the same as `OxmlElement(tag)`."""
    return prototype(tag).__copy__()


_original_qn: Any = qn
_original_element: Any = OxmlElement


def _remember(tag: str) -> str:
    """Work `tag` out as python-docx does, errors included, and remember it if its prefix is one of these."""
    name: str = _original_qn(tag)
    if len(_clark_names) < _LIMIT and type(tag) is str and tag.partition(":")[0] in _KEPT:
        _clark_names[tag] = name
    return name


# The bodies below run inside python-docx's own modules, in the place of theirs: `install` puts the names there that
# begin with `_parbatch`, and that no checker of this file can know.


def _fast_qn(tag: str) -> str:
    try:
        return _parbatch_clark_names[tag]  # type: ignore[name-defined,no-any-return]  # noqa: F821 -- see above
    except (KeyError, TypeError):
        return _parbatch_remember(tag)  # type: ignore[name-defined,no-any-return]  # noqa: F821 -- see above


def _fast_element(nsptag_str: str, attrs: Any = None, nsdecls: Any = None) -> Any:
    if attrs is None and nsdecls is None and _parbatch_tags.look and _parbatch_element.on:  # type: ignore[name-defined]  # noqa: F821 -- see above
        return _parbatch_prototype(nsptag_str).__copy__()  # type: ignore[name-defined]  # noqa: F821 -- see above
    return _parbatch_original_element(nsptag_str, attrs, nsdecls)  # type: ignore[name-defined]  # noqa: F821 -- see above


def install(patches: Patches) -> None:
    """Replace the bodies of `qn` and `OxmlElement`: both are functions that users import by name.

    `qn`: the name of a tag is remembered with the namespace that its prefix stood for.
    `OxmlElement(tag)`: a copy of an element made by the original, from the same parser: same class, same
    declaration.
    """
    global _original_element, _original_qn  # noqa: PLW0603
    ns_names: Any = vars(ns_module)
    parser_names: Any = vars(parser_module)
    ns_names["_parbatch_clark_names"] = _clark_names
    ns_names["_parbatch_remember"] = _remember
    parser_names["_parbatch_prototype"] = prototype
    _original_qn = patches.replace_body(qn, _fast_qn, "docx.oxml.ns:qn").original
    element = patches.replace_body(OxmlElement, _fast_element, "docx.oxml.parser:OxmlElement")
    _original_element = element.original
    parser_names["_parbatch_element"] = element
    parser_names["_parbatch_tags"] = import_module("parbatch.docx.watching").WatchedTexts
    parser_names["_parbatch_original_element"] = _original_element
