"""Whatever people put in place of a part's tree or content by hand is what is saved, as with plain python-docx."""

from __future__ import annotations

import array
import copy
import gc
import io
import zipfile
from typing import TYPE_CHECKING, Any

import docx
import pytest
from docx.opc.packuri import PackURI
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from parbatch.docx import accelerate, document_bytes, open_template, restore
from parbatch.docx.shared_parts import source_of
from tests.docx.docx_script import saved_parts
from tests.docx.docx_templates import build_full

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docx.document import Document


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    restore()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> str:
    restore()
    return str(build_full(tmp_path_factory.mktemp("templates") / "full.docx"))


PARTS = (
    "/word/document.xml", "/word/styles.xml", "/word/numbering.xml", "/word/settings.xml", "/word/comments.xml",
    "/docProps/core.xml", "/word/header1.xml", "/word/footer1.xml", "/word/media/image1.png", "/word/footnotes.xml",
    "/customXml/item1.xml", "/word/theme/theme1.xml",
)  # fmt: skip


def part_named(document: Document, name: str) -> Any:
    package: Any = document.part.package
    return next(part for part in package.iter_parts() if part.partname == name)


def tree() -> Any:
    return parse_xml(f"<w:styles {nsdecls('w')}><w:style w:type='paragraph' w:styleId='Own'/></w:styles>")


def use_settings(part: Any) -> Any:
    """What is written by way of a part's proxy, after its element was replaced."""
    part._element = tree()
    for name in ("_settings", "_comments"):
        if hasattr(part, name):
            getattr(part, name).set("seen", "1")
    return [getattr(part, name).tag for name in ("_element", "_settings", "_comments") if hasattr(part, name)]


def read_before(part: Any) -> None:
    part.element.set("old", "1")
    part._element = tree()


def swap_element(part: Any) -> None:
    part._element, part.kept = tree(), part._element


def copied(part: Any) -> Any:
    twin = copy.copy(part)
    twin._element.set("seen", "1")  # the same element in both
    return twin.blob == part.blob


def deep_copied(part: Any) -> Any:
    twin, element = copy.deepcopy((part, part._element))
    return [twin._element is element, twin.blob == part.blob, twin._element is part._element]


def state_dropped(part: Any) -> None:
    state = vars(part)
    part.__dict__ = {name: value for name, value in state.items() if name != "_element"}


def spoilt_by_name(part: Any) -> None:
    for name in ("_element", "_settings", "_comments"):
        vars(part).pop(name, None)


def blob_of(make: Callable[[bytes], Any]) -> Callable[[Any], None]:
    def change(part: Any) -> None:
        part._blob = make(b"<own>2</own>")

    return change


WAYS: dict[str, Callable[[Any], Any]] = {
    "set": lambda part: setattr(part, "_element", tree()),
    "set in the dictionary": lambda part: vars(part).__setitem__("_element", tree()),
    "set with object's": lambda part: object.__setattr__(part, "_element", tree()),
    "set with dict's": lambda part: dict.__setitem__(vars(part), "_element", tree()),
    "updated": lambda part: vars(part).update(_element=tree()),
    "merged": lambda part: vars(part).__ior__({"_element": tree()}) and None,
    "None": lambda part: setattr(part, "_element", None),
    "swapped": swap_element,
    "read before": read_before,
    "its proxy used": use_settings,
    "deleted": lambda part: delattr(part, "_element"),
    "deleted with object's": lambda part: object.__delattr__(part, "_element"),
    "deleted from the dictionary": lambda part: vars(part).__delitem__("_element"),
    "popped": lambda part: vars(part).pop("_element").tag,
    "all popped": spoilt_by_name,
    "cleared": lambda part: vars(part).clear(),
    "state dropped": state_dropped,
    "read in the dictionary": lambda part: [vars(part)["_element"].tag, "_element" in vars(part)],
    "got from the dictionary": lambda part: vars(part).get("_element").set("seen", "1"),
    "listed": lambda part: sorted(name for name in vars(part) if not name.startswith("_parbatch")),
    "unpacked": lambda part: sorted(name for name in {**vars(part)} if not name.startswith("_parbatch")),
    "copied": copied,
    "deep-copied": deep_copied,
    "class changed": lambda part: setattr(part, "__class__", type("Own", (type(part),), {"blob": b"own"})),
    "renamed": lambda part: setattr(part, "_partname", PackURI("/word/other.xml")),
    "named by a string": lambda part: setattr(part, "_partname", "/word/other.xml"),
    "retyped": lambda part: setattr(part, "_content_type", "application/own+xml"),
    "marshalled": lambda part: setattr(part, "before_marshal", lambda: setattr(part, "_element", tree())),
    "bytes": blob_of(bytes),
    "str": blob_of(bytes.decode),
    "bytearray": blob_of(bytearray),
    "memoryview": blob_of(memoryview),
    "array": blob_of(lambda content: array.array("B", content)),
    "empty": blob_of(lambda _: b""),
    "no bytes": blob_of(len),
    "a list": blob_of(list),
    "a surrogate": blob_of(lambda _: "\ud800"),
    "ints of two bytes": blob_of(lambda content: array.array("H", content[:12])),
}


def outcome(path: str, name: str, change: Callable[[Any], Any]) -> tuple[Any, Any]:
    document = docx.Document(path)
    try:
        seen = change(part_named(document, name))
    except Exception as error:  # noqa: BLE001 - whatever it is, both ways must raise it
        seen = repr(error)
    try:
        return seen, saved_parts(document)
    except Exception as error:  # noqa: BLE001 - as above
        return seen, repr(error)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # zip files left open by plain errors
@pytest.mark.parametrize("way", WAYS)
def test_what_is_put_in_place_by_hand_is_saved_in_every_kind_of_part(template: str, way: str) -> None:
    plain = [outcome(template, name, WAYS[way]) for name in PARTS]
    accelerate()
    docx.Document(template)
    for name, expected in zip(PARTS, plain, strict=True):
        assert outcome(template, name, WAYS[way]) == expected, name
        assert outcome(template, name, WAYS[way]) == expected, name
    gc.collect()


@pytest.mark.parametrize("kind", [bytes, bytes.decode, bytearray, memoryview])
def test_saving_takes_what_zipfile_takes_with_and_without_acceleration(template: str, kind: Any) -> None:
    made = []
    for on in (False, True):
        if on:
            accelerate()
        document = open_template(template)
        part_named(document, "/word/theme/theme1.xml")._blob = kind("<é/>".encode())
        made.append(document_bytes(document))
    assert made[0] == made[1]
    assert zipfile.ZipFile(io.BytesIO(made[0])).read("word/theme/theme1.xml") == "<é/>".encode()


def style_of(document: Document) -> str | None:
    try:
        style: str | None = document.add_paragraph("x", style="Quote")._p.style
    except Exception as error:  # noqa: BLE001 - whatever it is, both ways must raise it
        return repr(error)
    return style


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_relationships_changed_by_hand_lead_to_the_styles_that_they_say(template: str) -> None:
    def run() -> list[Any]:
        seen: list[Any] = []
        for number in range(5):
            document, other = docx.Document(template), docx.Document()
            other.styles["Quote"].style_id = "Other"
            rels = document.part.rels
            rel = next(rel for rel in rels.values() if rel.reltype.endswith("/styles"))
            if number == 0:
                rel._target = other.part._styles_part
            elif number == 1:
                rel._reltype = "urn:else"
            elif number == 2:
                del rels[rel.rId]
            elif number == 3:
                vars(document.part)["rels"] = other.part.rels
            else:
                document.part._styles_part._element = other.part._styles_part._element
            seen += [style_of(document) for _ in range(6)]
            other.styles["Quote"].style_id = "Third"
            seen += [style_of(document), saved_parts(document)]
        return seen

    plain = run()
    accelerate()
    run()
    assert run() == plain


def test_a_part_that_nobody_touched_is_still_shared_after_all_that(template: str) -> None:
    accelerate()
    for _ in range(3):
        document = docx.Document(template)
    document.add_paragraph("x", style="Quote")
    saved_parts(document)
    assert source_of(part_named(document, "/word/styles.xml")) is not None
    assert source_of(part_named(document, "/word/header1.xml")) is not None
