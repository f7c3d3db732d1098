"""A pytest plug-in that switches acceleration on for the whole run: `pytest -p docx_accelerated`."""

from parbatch.docx import accelerate

if not accelerate():
    raise RuntimeError("acceleration stood aside: the installed python-docx is not a version it is proved on")
