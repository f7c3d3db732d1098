"""Style names while somebody holds an element of the styles: checked against the tree at each look-up.

People write `font = document.styles["Normal"].font` at the top of a function and keep it to the end. Through
any element the whole tree can be reached and changed, so nothing remembered can be trusted then. It can be
checked, though, in a third of the time of a search: an answer depends on the list of styles, on the
attributes of each, and on which of them has the name.
"""

from __future__ import annotations

from typing import Any

from docx.styles import BabelFish
from lxml.etree import ElementBase

from parbatch.docx.names import clark
from parbatch.docx.xpaths import compiled

_STYLE = clark("w:style")

_named = compiled("w:style/w:name[@w:val=$name]")
_items: Any = ElementBase.items


class CheckedIndex:
    """What each style of a tree answers to its name, as long as no style has come, gone, moved or changed."""

    __slots__ = ("_attributes", "_children", "_records", "_styles", "root")

    def __init__(self, root: Any, records: dict[Any, Any]) -> None:
        """Take down what `records`, the answers by style element made from `root` just now, depend on."""
        self.root = root
        self._records = records
        self._children = root[:]
        self._styles = [child for child in self._children if child.tag == _STYLE]
        self._attributes = list(map(_items, self._styles))

    def __deepcopy__(self, memo: object) -> None:
        """A copied part has a tree of its own; it makes its own index."""

    def find(self, name: str) -> Any:
        """Return the answer for the first style of this name; None if there is none or the styles have
        changed.
        """
        if self.root[:] != self._children or list(map(_items, self._styles)) != self._attributes:
            return None
        if '"' in name:  # python-docx's own search fails on it
            return None
        found = _named(self.root, name=BabelFish.ui2internal(name))
        return self._records.get(found[0].getparent()) if found else None
