"""The names of a job's functions are those of the decorators that take them."""

import pytest

from parbatch.model import roles
from parbatch.model.job import Job


@pytest.mark.parametrize("role", sorted(value for name, value in vars(roles).items() if name.isupper()))
def test_a_role_is_found_under_the_name_of_its_decorator(role: str) -> None:
    job = Job("letters")

    def function(*_: object) -> None: ...

    getattr(job, role)(function)
    assert job.functions == {role: function}
