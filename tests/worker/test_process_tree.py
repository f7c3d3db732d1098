"""Which of a process's children are its own, and which an item has left."""

import subprocess
import sys

PROGRAM = """
import subprocess
from parbatch.worker.process_tree import Children

def sleeper():
    return subprocess.Popen(["sleep", "100"])

own = sleeper()
children = Children()
print(children.end_others(), children.end_others())
for _ in range(3):
    left = sleeper()
    (told,) = children.end_others()
    print(told == f"sleep 100 (pid {left.pid})", children.end_others())
print(own.poll())
own.kill()
"""


def test_what_was_started_since_the_last_look_is_ended_beside_children_that_stay() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[] []", *["True []"] * 3, "None"]
