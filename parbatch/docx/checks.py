"""Ready-made checks for a job's `validate`: what is wrong with the documents in a folder, as Problems.

    @job.validate
    def check(item, ctx):
        yield from checks.document(ctx.dir, headings=["Summary"], at_least=40, forbidden=["Lorem"])

Each check takes a document, or a folder, of which it checks all documents (*.docx, *.docm, *.dotx, *.dotm), those in
sub-folders too. A file that can't be read is a problem for every check, never an exception, and so is a folder without
documents.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from parbatch.docx.unreadable import SUFFIXES, hint
from parbatch.model.problem import Problem

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from parbatch.docx.codes import Code
    from parbatch.docx.texts import Contents, Text

    Rule = Callable[[str, Contents], Iterator[Problem]]

__all__ = ["PLACEHOLDERS", "document", "headings", "no_placeholders", "no_text", "opens", "paragraphs"]

#: What templates mark their gaps with, told from ordinary text by its names: `{x}` is mathematics, `[1]`, `[sic]`
#: and `[IT]` are notes.
PLACEHOLDERS = re.compile(
    r"""
      \{\{[^{}]*\}\} | \{%.*?%\} | \{\#.*?\#\}  # {{name}}, {% if name %}, {# a comment #}
    | \$\{[^{}]+\}                               # ${name}
    | (?<![\w\\{}])\{[^\W\d]\w[\w.]*\}(?!\})     # {name}, but not LaTeX's \frac{ab}{cd}
    | <<[^\W\d][\w.\ -]*>>                       # <<name>>
    | \[[A-ZÀ-ÖØ-Þ][A-ZÀ-ÖØ-Þ_\ ]{2,}[A-ZÀ-ÖØ-Þ]\]  # [NAME], [FIRST NAME]
    """,
    re.VERBOSE,
)
_PATTERNS = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
_AROUND = 30  # characters of text shown on each side of what was found


def opens(path: str | os.PathLike[str]) -> Iterator[Problem]:
    """Whether each document opens again, all its parts whole."""
    return _checked(path)


def headings(
    path: str | os.PathLike[str], wanted: str | Iterable[str], *, level: int | None = None
) -> Iterator[Problem]:
    """Whether each document has all the headings `wanted`, of any level or of this one (1 to 9; 0 is the title).

    A heading is a paragraph of the body whose style is a heading, or is based on one, or that has an outline level.
    White space and capitals make no difference.
    """
    return _checked(path, _headings(wanted, level))


def no_placeholders(path: str | os.PathLike[str], pattern: str | re.Pattern[str] = PLACEHOLDERS) -> Iterator[Problem]:
    """Whether no placeholder of a template is left: in the body, tables, text boxes, headers, footers and notes, in
    the codes of fields, addresses of links, formulas, charts, alternative texts and properties.

    `pattern` is a regular expression for placeholders; by default {{name}}, {% if name %}, {# a comment #}, {name},
    <<name>>, [NAME] and ${name}. Merge fields that show «name» still, as nothing filled them, are placeholders too.
    """
    return _checked(path, _no_placeholders(pattern))


def no_text(
    path: str | os.PathLike[str], forbidden: str | Iterable[str], *, ignore_case: bool = False
) -> Iterator[Problem]:
    """Whether none of the texts `forbidden` is anywhere: in the body, tables, text boxes, headers, footers, notes."""
    return _checked(path, _no_text(forbidden, ignore_case=ignore_case))


def paragraphs(path: str | os.PathLike[str], *, at_least: int) -> Iterator[Problem]:
    """Whether each document has so many paragraphs with text in its body, those in tables and text boxes counted."""
    return _checked(path, _paragraphs(at_least))


def document(
    path: str | os.PathLike[str],
    *,
    headings: str | Iterable[str] = (),
    level: int | None = None,
    at_least: int = 1,
    forbidden: str | Iterable[str] = (),
    ignore_case: bool = False,
    placeholders: str | re.Pattern[str] | None = PLACEHOLDERS,
) -> Iterator[Problem]:
    """All checks in one, each file read once; the options are those of the single ones.

    `placeholders=None` lets placeholders be.
    """
    rules = [_headings(headings, level), _paragraphs(at_least), _no_text(forbidden, ignore_case=ignore_case)]
    return _checked(path, *rules, *([] if placeholders is None else [_no_placeholders(placeholders)]))


# --- inside


def _checked(path: str | os.PathLike[str], *rules: Rule) -> Iterator[Problem]:
    place = Path(path)
    files = _documents(place)
    if not files:
        what = (
            f"there is no document ({_PATTERNS}) in {place.name}"
            if place.is_dir()
            else f"there is no file {place.name}"
        )
        yield Problem("no-document", what, suggestion="Return a document from render, or save one in ctx.dir.")
    for name, file in files:
        contents = _read(name, file)
        if isinstance(contents, Problem):
            yield contents
            continue
        yield from _named_right(name, contents)
        for rule in rules:
            yield from rule(name, contents)


def _documents(place: Path) -> list[tuple[str, Path]]:
    """The documents to check, each with the name that problems give it."""
    if not place.is_dir():
        return [(place.name, place)] if place.is_file() else []
    found = [path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    # What begins with ~$ is Word's note of who has the document open.
    return sorted((path.relative_to(place).as_posix(), path) for path in found if not path.name.startswith("~$"))


def _read(name: str, file: Path) -> Contents | Problem:
    from parbatch.docx.texts import read_contents  # noqa: PLC0415 -- job files import this module, and stay light

    try:
        return read_contents(file)
    except MemoryError:  # the worker's, not the document's
        raise
    except Exception as error:  # noqa: BLE001 -- whatever a damaged file makes zipfile, lxml or python-docx raise
        cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        advice = "Look at what wrote it: parts that are no XML, or a file written to after it was saved."
        if told := hint(file, error):
            cause, advice = f"{told[0]} ({cause})", f"{told[1][0].upper()}{told[1][1:]}."
        return Problem("damaged-document", f"it can't be opened again: {cause}", where=name, suggestion=advice)


def _named_right(name: str, contents: Contents) -> Iterator[Problem]:
    """Word refuses a file whose content is not of the kind that its name says."""
    suffix = Path(name).suffix.lower()
    if suffix in SUFFIXES and suffix != contents.kind:
        yield Problem(
            "wrong-extension",
            f"its content is that of a {contents.kind} file, so Word does not open it as {suffix}",
            where=name,
            suggestion="Save it with parbatch.docx.save, which makes the content fit the name, or name it otherwise.",
        )


def _headings(wanted: str | Iterable[str], level: int | None) -> Rule:
    names = _several(wanted)

    def rule(name: str, contents: Contents) -> Iterator[Problem]:
        texts = contents.texts
        there = {text.text.casefold(): text for text in texts if text.in_body and _is_heading(text, None)}
        fitting = {text.text.casefold() for text in texts if text.in_body and _is_heading(text, level)}
        of_level = "" if level is None else f" of level {level}"
        for heading in names:
            if heading.casefold() not in fitting:
                message = f"the heading {heading!r}{of_level} is missing"
                yield Problem("missing-heading", message, name, _where_it_is(heading, there, texts))

    return rule


def _is_heading(text: Text, level: int | None) -> bool:
    return text.level is not None and level in {None, text.level}


def _where_it_is(heading: str, there: dict[str, Text], texts: Sequence[Text]) -> str:
    """What to do about a heading that is missing: it may be there in another form."""
    wanted = heading.casefold()
    if wanted in there:
        found = there[wanted]
        return f"It is there at level {found.level}, in {found.place}: give it the style of the level asked for."
    plain = next((text for text in texts if text.text.casefold() == wanted), None)
    if plain is not None:
        return f"Its text is there in {plain.place}, which is no heading: give it a heading style."
    close = get_close_matches(wanted, there, n=1)
    return f"There is {there[close[0]].text!r}: is that the one?" if close else f"Add the heading {heading!r}."


def _no_placeholders(pattern: str | re.Pattern[str]) -> Rule:
    compiled = re.compile(pattern)

    def rule(name: str, contents: Contents) -> Iterator[Problem]:
        advice = "Fill it in; a value may be missing, or have another name in the template."
        everything: list[Text | Code] = [*contents.texts, *contents.codes]
        for text in everything:
            for found in compiled.finditer(text.text):
                message = f"the placeholder {found[0]!r} was not replaced: {_excerpt(text.text, *found.span())}"
                yield Problem("placeholder", message, f"{name}: {text.place}", advice)
        for field in contents.merge_fields:
            yield Problem(
                "placeholder", f"the merge field {field.text!r} was not filled", f"{name}: {field.place}", advice
            )

    return rule


def _no_text(forbidden: str | Iterable[str], *, ignore_case: bool) -> Rule:
    fold = str.casefold if ignore_case else str
    wanted = {fold(text): text for text in _several(forbidden)}

    def rule(name: str, contents: Contents) -> Iterator[Problem]:
        for text in contents.texts:
            folded = fold(text.text)
            for key, shown in wanted.items():
                if (start := folded.find(key)) >= 0:
                    yield Problem(
                        "forbidden-text",
                        f"{shown!r} must not be there: {_excerpt(text.text, start, start + len(key))}",
                        f"{name}: {text.place}",
                        "Take it out of the template, the data, or what render writes.",
                    )

    return rule


def _paragraphs(at_least: int) -> Rule:
    def rule(name: str, contents: Contents) -> Iterator[Problem]:
        count = sum(text.in_body and bool(text.text) for text in contents.texts)
        if count < at_least:
            have = f"{count} paragraph{'' if count == 1 else 's'} with text"
            yield Problem(
                "too-few-paragraphs",
                f"it has {have}; at least {at_least} are asked for",
                name,
                "See whether render stopped early, or its data is not complete.",
            )

    return rule


def _several(texts: str | Iterable[str]) -> list[str]:
    """One text or several, each with its white space as `Text` has it. Raises ValueError for an empty one."""
    several = [" ".join(text.split()) for text in ([texts] if isinstance(texts, str) else texts)]
    if not all(several):
        raise ValueError("an empty text is everywhere: give the text to look for")
    return several


def _excerpt(text: str, start: int, end: int) -> str:
    first, last = max(0, start - _AROUND), end + _AROUND
    return f"{'…' if first else ''}{text[first:last]}{'…' if last < len(text) else ''}"
