"""Style names to style ids, without a scan of every style for each paragraph.

`paragraph.style = "Name"` makes python-docx search the styles part twice: for the name, and for the default
style of that type, whose id is never written. Here both are read once into an index, and the index is used
for as long as nobody can have changed the styles since:

* The styles of a template that nobody touched are one tree, shared by all documents made from it, out of
  users' reach.
* Otherwise a change needs an element of the tree in hand. Elements are got from the part, which notices when
  it is asked and drops the index; or kept from before, and as every element holds its tree's document, and
  holding can be seen in a reference count, the index is checked
  against the tree at each look-up while anybody else holds one.

When there is no index to trust, the styles are searched as before. Errors and warnings are always the
original's: what the index can't answer with a style id goes the old way.
"""

from __future__ import annotations

import gc
from sys import getrefcount
from typing import TYPE_CHECKING, Any

from docx.enum.style import WD_STYLE_TYPE
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.rel import Relationships, _Relationship
from docx.oxml.parser import parse_xml
from docx.oxml.styles import CT_Styles
from docx.parts.document import DocumentPart
from docx.parts.styles import StylesPart
from docx.styles.style import BaseStyle
from docx.styles.styles import Styles

from parbatch.docx.handles import explained, uses
from parbatch.docx.heldstyles import CheckedIndex
from parbatch.docx.names import clark
from parbatch.docx.shared_parts import OwnElement, source_of
from parbatch.docx.stood_for import path
from parbatch.docx.stylenames import FALSE, TRUE, TYPES, style_names, style_records
from parbatch.docx.watching import Watched, WatchedDicts

if TYPE_CHECKING:
    from parbatch.docx.patching import Patches
    from parbatch.docx.stylenames import StyleNames, StyleRecord

_STYLE, _TYPE, _DEFAULT = clark("w:style"), clark("w:type"), clark("w:default")
_STYLES = RELATIONSHIP_TYPE.STYLES

#: Look-ups that search before an index is made: making one costs as much as two searches.
_PATIENCE = 3

#: What a part keeps in its own dictionary: its index, and the searches since it was last asked for its
#: element.
INDEX, SEARCHES = "_parbatch_styles", "_parbatch_style_searches"


class StyleIndex:
    """The style names of one document's own styles, good for as long as nobody else holds an element of the
    tree.
    """

    __slots__ = ("_document", "_expected", "_uses", "names", "root")

    #: References to the root and to its document when nobody else holds any; measured, see `_calibrate`.
    alone: tuple[int, int] | None = None

    def __init__(self, root: Any) -> None:
        self.root = root
        self._document = next((ref for ref in gc.get_referents(root) if type(ref).__name__ == "_Document"), None)
        self.names: StyleNames = {}
        self._uses = uses()
        self._expected: tuple[int, int] | None = None

    def expect(self) -> None:
        """Take down how many references there are when nobody but idle handles holds any element."""
        extra = self.explained()
        if self.alone is not None and extra is not None:
            self._expected = self.alone[0] + extra[0], self.alone[1] + extra[1]

    def __deepcopy__(self, memo: object) -> None:
        """A copied part has a tree of its own; it makes its own index."""

    def explained(self) -> tuple[int, int] | None:
        """Return how many of the references are those of idle handles, None if that can't be told."""
        return explained(self.root, self._document)

    def counts(self) -> tuple[int, int]:
        """Return how many references there are to the root element and to its document."""
        return getrefcount(self.root), getrefcount(self._document)

    def trustworthy(self) -> bool:
        """Whether nobody holds an element of the tree but the part, this index, and handles that lie idle."""
        return self._uses == uses() and self.counts() == self._expected

    def find(self, name: str) -> StyleRecord | None:
        """Return the answer for this name; None if there is none, or if it can't be trusted."""
        return self.names.get(name) if self.trustworthy() else None


def _calibrate() -> tuple[int, int] | None:
    """Measure the counts of a tree that nobody else holds; None if this interpreter's counts don't show a
    holder.
    """
    holder = {"_element": parse_xml(f'<w:styles xmlns:w="{_STYLE[1:].split("}")[0]}"><w:style/></w:styles>')}
    index = StyleIndex(holder["_element"])
    alone = index.counts()
    child = holder["_element"][0]
    held = index.counts()
    del child
    root = holder["_element"]
    held_root = index.counts()
    del root
    told_apart = held[1] == alone[1] + 1 and held_root[0] == alone[0] + 1
    handle = BaseStyle(holder["_element"][0])
    idle = index.counts() == (alone[0], alone[1] + 1) and index.explained() == (0, 1)
    child = handle.__dict__["_element"]
    noticed = index.explained() is None
    del child, handle
    return alone if told_apart and idle and noticed and index.counts() == alone else None


class TouchedElement(OwnElement):
    """`StylesPart._element`, noticing when it is asked for: whoever gets it may change the styles."""

    def __get__(self, part: Any, owner: type | None = None) -> Any:
        if part is not None:
            _forget_index(part)
        return super().__get__(part, owner)

    def __set__(self, part: Any, element: Any) -> None:
        _forget_index(part)
        super().__set__(part, element)

    def __delete__(self, part: Any) -> None:
        _forget_index(part)
        super().__delete__(part)


def _forget_index(part: Any) -> None:
    state = part.__dict__
    dict.pop(state, INDEX, None)
    dict.pop(state, SEARCHES, None)


_GET_STYLE_ID = path("docx.parts.document:DocumentPart.get_style_id")
_DEFAULT_FOR = path("docx.oxml.styles:CT_Styles.default_for")


def _styles_part(document_part: Any) -> Any:
    """Return the one styles part that a document is related to; None if there is none or more than one, or if the
    document's own part has a method of its own to find it.
    """
    state = document_part.__dict__
    rels = state.get("rels")
    if type(rels) is not Relationships or "get_style_id" in state or "part_related_by" in state:
        return None
    found, own, wanted = None, _Relationship, _STYLES
    for rel in rels.values():
        if type(rel) is not own:
            return None
        if rel._reltype == wanted:
            if found is not None:
                return None
            found = rel
    return None if found is None or found._is_external else found._target


def known_style(document_part: Any, name: str) -> StyleRecord | None:
    """Return the type and id of the style of this name, or None where only a search can tell."""
    part = _styles_part(document_part)
    if type(part) is not StylesPart:
        return None
    source = source_of(part)
    if source is not None:
        return source.style_names.get(name)
    state = part.__dict__
    index: StyleIndex | CheckedIndex | None = dict.get(state, INDEX)
    found: StyleRecord | None = None
    if index is not None and index.root is dict.get(state, "_element"):
        found = index.find(name)
    if found is None:
        searches = dict.get(state, SEARCHES, 0) + 1
        dict.__setitem__(state, SEARCHES, searches)
        if searches > _PATIENCE:
            dict.pop(state, INDEX, None)
            del index  # it may hold elements itself
            dict.update(state, {SEARCHES: 0, INDEX: _new_index(state)})
    return found


def _new_index(state: dict[str, Any]) -> StyleIndex | CheckedIndex | None:
    """Return an index to be trusted if nobody holds an element of the part's tree, else one to be checked."""
    if type(dict.get(state, "_element")) is not CT_Styles:
        return None
    if StyleIndex.alone is not None:
        index = StyleIndex(dict.__getitem__(state, "_element"))
        index.expect()
        if index.trustworthy():
            index.names = style_names(index.root)
            return index
    root = dict.__getitem__(state, "_element")
    return CheckedIndex(root, style_records(root))


def _get_style_id(self: Any, style_or_name: Any, style_type: Any) -> Any:
    """The id from the index, if it has this name with this type; else the original, on the same styles.

    That is asked with the element itself: asking the part for it would count as touching the styles.
    """
    if not ((Watched.look and WatchedDicts.look and _GET_STYLE_ID.on) or _GET_STYLE_ID.holds()):
        return _GET_STYLE_ID.original(self, style_or_name, style_type)
    if type(style_or_name) is str:
        found = known_style(self, style_or_name)
        if found is not None and found[0] is style_type:
            return found[1]
    part = _styles_part(self)
    if type(part) is StylesPart:
        if style_or_name is None:
            return None
        element = dict.get(part.__dict__, "_element")
        if element is not None:
            return Styles(element).get_style_id(style_or_name, style_type)
    return _GET_STYLE_ID.original(self, style_or_name, style_type)


def _default_for(self: Any, style_type: Any) -> Any:
    """The last style of this type flagged as default, by comparing attribute texts instead of converting
    each.

    Where a text is none that the conversion knows, the original raises its error.
    """
    if not ((Watched.look and _DEFAULT_FOR.on) or _DEFAULT_FOR.holds()):
        return _DEFAULT_FOR.original(self, style_type)
    wanted = style_type.xml_value if isinstance(style_type, WD_STYLE_TYPE) else None
    if wanted is None:
        return _DEFAULT_FOR.original(self, style_type)
    last = None
    for style in self.iterchildren(_STYLE):
        kind = style.get(_TYPE)
        if kind == wanted:
            flag = style.get(_DEFAULT)
            if flag is not None:
                if flag in TRUE:
                    last = style
                elif flag not in FALSE:
                    return _DEFAULT_FOR.original(self, style_type)
        elif kind is not None and kind not in TYPES:
            return _DEFAULT_FOR.original(self, style_type)
    return last


def install(patches: Patches) -> None:
    """Replace `DocumentPart.get_style_id` and `CT_Styles.default_for`; watch `StylesPart._element`."""
    StyleIndex.alone = _calibrate()
    patches.add(StylesPart, "_element", TouchedElement("_element"))
    patches.replace(DocumentPart, "get_style_id", _get_style_id, _GET_STYLE_ID.name)
    patches.replace(CT_Styles, "default_for", _default_for, _DEFAULT_FOR.name)
