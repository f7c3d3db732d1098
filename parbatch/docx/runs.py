"""Run text: by pieces instead of by characters, and a run with its text copied in one piece.

python-docx walks text character by character, as a tab or a line break becomes an element of its own. Text
without these is one `w:t`, which is most text there is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docx.oxml.text.paragraph import CT_P
from docx.oxml.text.run import CT_R, CT_Text, _RunContentAppender
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from parbatch.docx.names import clark, new_element
from parbatch.docx.stood_for import path
from parbatch.docx.watching import Watched, WatchedTexts

if TYPE_CHECKING:
    from parbatch.docx.patching import Patches

_RPR, _PPR, _SPACE = clark("w:rPr"), clark("w:pPr"), clark("xml:space")

_pieces = re.compile(r"[^\t\r\n]+|[\t\r\n]").findall

_ADD_RUN = path("docx.text.paragraph:Paragraph.add_run")
_ADD_T = path("docx.oxml.text.run:CT_R.add_t")
_ADD_TEXT = path("docx.oxml.text.run:_RunContentAppender.add_text")
_CLEAR_RUN = path("docx.oxml.text.run:CT_R.clear_content")
_CLEAR_PARAGRAPH = path("docx.oxml.text.paragraph:CT_P.clear_content")


def _nested(*tags: str) -> Any:
    """Return elements one inside the other, to be copied."""
    outer = inner = new_element(tags[0])
    for tag in tags[1:]:
        child = new_element(tag)
        inner.append(child)
        inner = child
    return outer


_run_with_text = _nested("w:r", "w:t")
_paragraph_with_run = _nested("w:p", "w:r", "w:t")


def is_plain(text: Any) -> bool:
    """Whether `text` is a string that becomes a single `w:t`."""
    return type(text) is str and text != "" and not ("\n" in text or "\t" in text or "\r" in text)


def fill(t: Any, text: str) -> bool:
    """Set a loose `w:t`, keeping outer space as `add_t` does; False if the text can't be in XML."""
    try:
        t.text = text
    except ValueError:
        return False
    if len(text.strip()) < len(text):
        t.set(_SPACE, "preserve")
    return True


def paragraph_with_text(text: Any) -> Any:
    """Return a loose paragraph that holds `text` in one run, or None if the text is none that fits."""
    if not is_plain(text):
        return None
    p = _paragraph_with_run.__copy__()
    return p if fill(p[0][0], text) else None


def _add_run(self: Any, text: Any = None, style: Any = None) -> Any:
    """The same run, copied with its text inside; text that can't be copied so is set on the new run as
    before.

    The original appends the run before it sets the text: where that fails, it is asked to do all of it.
    """
    p = self._p
    if type(p) is not CT_P or not ((Watched.look and WatchedTexts.look and _ADD_RUN.on) or _ADD_RUN.holds()):
        return _ADD_RUN.original(self, text, style)
    if not text:
        r = new_element("w:r")
    else:
        if not is_plain(text):
            return _ADD_RUN.original(self, text, style)
        r = _run_with_text.__copy__()
        if not fill(r[0], text):
            return _ADD_RUN.original(self, text, style)
    p.append(r)
    run = Run(r, self)
    if style:
        run.style = style
    return run


def _add_t(self: Any, text: Any) -> Any:
    """The same text element, made and appended without the generated adder's look-ups."""
    if (
        type(self) is CT_R
        and type(text) is str
        and ((Watched.look and WatchedTexts.look and _ADD_T.on) or _ADD_T.holds())
    ):
        t = new_element("w:t")
        if type(t) is CT_Text and fill(t, text):
            self.append(t)
            return t
    return _ADD_T.original(self, text)


def _add_text(self: Any, text: Any) -> None:
    """Each piece between tabs and breaks at once, instead of collected character by character."""
    on = (Watched.look and _ADD_TEXT.on) or _ADD_TEXT.holds()
    if type(text) is not str or self._bfr or not on:
        _ADD_TEXT.original(self, text)
        return
    r = self._r
    for piece in _pieces(text):
        if piece == "\t":
            r.add_tab()
        elif piece in "\r\n":
            r.add_br()
        else:
            r.add_t(piece)


def _clear_run(self: Any) -> None:
    """Remove all elements but `w:rPr`: nothing to search for in a run that has none or only that."""
    count = len(self)
    on = (Watched.look and _CLEAR_RUN.on) or _CLEAR_RUN.holds()
    if not on or count > 1 or (count and self[0].tag != _RPR):
        _CLEAR_RUN.original(self)


def _clear_paragraph(self: Any) -> None:
    """Remove all elements but `w:pPr`: nothing to search for in a paragraph that has none or only that."""
    count = len(self)
    on = (Watched.look and _CLEAR_PARAGRAPH.on) or _CLEAR_PARAGRAPH.holds()
    if not on or count > 1 or (count and self[0].tag != _PPR):
        _CLEAR_PARAGRAPH.original(self)


def install(patches: Patches) -> None:
    """Replace the adding of runs and the setting of their text."""
    patches.replace(Paragraph, "add_run", _add_run, _ADD_RUN.name)
    patches.replace(CT_R, "add_t", _add_t, _ADD_T.name)
    patches.replace(_RunContentAppender, "add_text", _add_text, _ADD_TEXT.name)
    patches.replace(CT_R, "clear_content", _clear_run, _CLEAR_RUN.name)
    patches.replace(CT_P, "clear_content", _clear_paragraph, _CLEAR_PARAGRAPH.name)
