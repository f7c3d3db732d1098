"""Names of the functions that a job has, by which its parts are found in the parent and in workers.

Imported by whatever names such a function. It knows neither jobs nor what the functions do.
"""

RENDER = "render"
RENDER_CHUNK = "render_chunk"
VALIDATE = "validate"
VALIDATE_CHUNK = "validate_chunk"
MERGE = "merge"
TEARDOWN = "teardown"
OVERVIEW = "overview"
