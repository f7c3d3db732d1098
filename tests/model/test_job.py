"""A job as its author writes it."""

from typing import Any

import pytest

from parbatch import Item, Job
from parbatch.errors import JobError


def test_a_job_takes_sizes_and_durations_as_people_write_them() -> None:
    job = Job("letters", chunk_size=25, memory="512MB", timeout="2m", attempts=3, gc_every=5, files=["a.docx"])
    assert (job.chunk_size, job.memory, job.timeout) == (25, 512 * 1024**2, 120.0)
    assert (job.attempts, job.gc_every, job.files) == (3, 5, ("a.docx",))


def test_a_job_without_limits_has_none_and_sizes_its_chunks_itself() -> None:
    job = Job("letters")
    assert (job.chunk_size, job.memory, job.timeout, job.attempts) == (None, None, None, 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"chunk_size": 0}, "chunk size: 0"),
        ({"chunk_size": "many"}, "chunk size: 'many' is neither a number of items from 1 nor auto"),
        ({"memory": "lots"}, "memory: 'lots' is not a size"),
        ({"timeout": "soon"}, "timeout: 'soon' is not a duration"),
        ({"timeout": 0}, "timeout: 0 is not a duration above zero"),
        ({"attempts": 0}, "attempts: 0 is not a whole number from 1"),
        ({"attempts": True}, "attempts: True"),
        ({"gc_every": 1.5}, "gc_every: 1.5"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_with_its_job(options: dict[str, Any], words: str) -> None:
    with pytest.raises(JobError) as caught:
        Job("letters", **options)
    assert str(caught.value).startswith("Job('letters'): ")
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", " x", "a\nb", "a\x00b", 5, None])
def test_a_name_that_could_lead_out_of_the_outputs_is_refused(name: Any) -> None:
    with pytest.raises(JobError, match=r"a job's name is made of letters, digits"):
        Job(name)


@pytest.mark.parametrize("name", ["letters", "letters 2024", "v1.2-beta", "Briefe_Größe", "名簿"])
def test_names_are_letters_and_digits_of_every_script(name: str) -> None:
    assert Job(name).name == name


def test_a_decorated_function_stays_what_it_was() -> None:
    job = Job("letters")

    @job.render
    def one(item: Item, ctx: object) -> str:
        return f"{item.id} {ctx}"

    assert one(Item(id="a"), 1) == "a 1"


@pytest.mark.parametrize("role", ["items", "setup", "render", "overview"])
def test_two_functions_for_one_role_are_one_too_many(role: str) -> None:
    job = Job("letters")
    getattr(job, role)(list)
    with pytest.raises(JobError, match=rf"two functions under @job\.{role}"):
        getattr(job, role)(list)


def test_a_role_takes_a_function() -> None:
    with pytest.raises(JobError, match=r"@job\.items takes a function, not \[\]"):
        Job("letters").items([])  # type: ignore[type-var]


def test_a_job_without_items_or_without_render_is_told_what_to_add() -> None:
    job = Job("letters")
    with pytest.raises(JobError, match=r"Job\('letters'\) has no items function. Add one: @job.items above"):
        job.check()
    job.items(list)
    with pytest.raises(JobError, match=r"has no render function. Add one: @job.render above"):
        job.check()
    job.render(lambda item, ctx: (item, ctx))
    job.check()


@pytest.mark.parametrize("given", [None, 5, "ada", b"ada"])
def test_an_items_function_that_gives_nothing_iterable_is_told_so(given: object) -> None:
    job = Job("letters")
    job.items(lambda: given)
    with pytest.raises(JobError, match=f"returned {type(given).__name__}; return or yield Items or mappings"):
        job.source()


def test_the_source_is_not_read_before_it_is_asked_for() -> None:
    job = Job("letters")
    read = []

    @job.items
    def rows() -> Any:
        read.append(1)
        yield {"id": "a"}

    source = iter(job.source())
    assert not read
    assert next(source) == {"id": "a"}


@pytest.mark.parametrize(
    ("name", "given"), [("files", "letter.docx"), ("files", [3]), ("identity", "HOME"), ("identity", [3])]
)
def test_files_and_variables_are_lists_of_texts_and_not_taken_letter_by_letter(name: str, given: Any) -> None:
    with pytest.raises(JobError, match=rf"Job\('letters'\): {name}=.* is not a list of texts. Write {name}=\["):
        Job("letters", **{name: given})


def test_a_baseline_without_a_key_is_told_how_to_write_one() -> None:
    job = Job("letters")
    with pytest.raises(JobError, match=r'Write @job.baseline\(key="prices-2026"\)'):
        job.baseline(lambda: 1)  # type: ignore[arg-type]
