"""What python-docx answers to each style name, read from a styles tree at once."""

from __future__ import annotations

from typing import Any

from docx.enum.style import WD_STYLE_TYPE
from docx.styles import BabelFish

from parbatch.docx.names import clark

_STYLE, _NAME = clark("w:style"), clark("w:name")
_TYPE, _ID, _DEFAULT, _VAL = clark("w:type"), clark("w:styleId"), clark("w:default"), clark("w:val")

#: The texts of style types, and of default flags, that python-docx can read.
TYPES = {member.xml_value: member for member in WD_STYLE_TYPE}
TRUE, FALSE = frozenset(("1", "true", "on")), frozenset(("0", "false", "off"))

#: A style's type, and what to write for it: its id, or None for the default style of its type.
StyleRecord = tuple[WD_STYLE_TYPE, "str | None"]
StyleNames = dict[str, StyleRecord]


def style_records(root: Any) -> dict[Any, StyleRecord | None]:
    """Return for each style element what to answer for it, None for one that has no type.

    Where a single style has a type or a default flag that python-docx can't read, every look-up may fail, so
    nothing is answered.
    """
    defaults: dict[str, Any] = {}
    kinds: dict[Any, str | None] = {}
    for style in root.iterchildren(_STYLE):
        kind, flag = style.get(_TYPE), style.get(_DEFAULT)
        if (kind is not None and kind not in TYPES) or not (flag is None or flag in TRUE or flag in FALSE):
            return {}
        if flag in TRUE and kind is not None:
            defaults[kind] = style
        kinds[style] = kind
    return {
        style: None if kind is None else (TYPES[kind], None if defaults.get(kind) is style else style.get(_ID))
        for style, kind in kinds.items()
    }


def style_names(root: Any) -> StyleNames:
    """Return the answer for each style name that python-docx finds without an error or a warning."""
    first: dict[str, StyleRecord | None] = {}
    for style, record in style_records(root).items():
        for element in style.iterchildren(_NAME):
            name = element.get(_VAL)
            if name is not None and '"' not in name:
                first.setdefault(name, record)
    for alias, internal in BabelFish.style_aliases:
        first[alias] = first.get(internal)
    return {name: record for name, record in first.items() if record is not None}
