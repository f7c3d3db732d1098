"""Say which test is a module's own, and which modules have none.

`parbatch/<room>/<module>.py` has its test at `tests/<room>/test_<module>.py`; a package with code of its own in its
`__init__.py` counts as a module of its name. `TESTED_BY` has those whose test is elsewhere, such as a module that can
be tried in a process of its own only. Used by `house.py`; it imports nothing of the package.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

# The module, without parbatch/ and .py, and the test that is its own, below tests/: a file that speaks of the module,
# or one test, where the module is tried from outside.
TESTED_BY: dict[str, str] = {
    "__init__": "test_imports.py",
    "__main__": "test_imports.py",
    "cli/report": "reports/test_report_command.py::test_it_writes_what_the_run_wrote_and_says_where",
    "cli/shared": "cli/test_cli.py::test_help_names_every_command_and_option",
    "dispatch/backends/worker_entry": "dispatch/backends/test_base.py"
    "::test_a_chunk_is_answered_by_its_beginning_and_the_end_of_each_item_in_order",
    "dispatch/guardian": "faults/test_guardian.py",
    "dispatch/outcome_sink": "dispatch/test_dispatcher.py",
    "docx": "docx/test_acceleration.py",
    "docx/codes": "docx/test_merge_fields.py",
    "docx/comparing": "docx/test_changed.py",
    "docx/deflate": "docx/test_saving.py",
    "docx/elements": "docx/test_differential.py",
    "docx/foreign": "faults/test_other_documents.py",
    "docx/handles": "docx/test_differential.py",
    "docx/heldstyles": "docx/test_differential.py",
    "docx/names": "docx/test_differential.py",
    "docx/noticing": "docx/test_acceleration.py",
    "docx/own": "docx/test_changed.py",
    "docx/paragraphs": "docx/test_differential.py",
    "docx/patching": "docx/test_changed.py",
    "docx/proxies": "docx/test_differential.py",
    "docx/runs": "docx/test_differential.py",
    "docx/shared_parts": "docx/test_parts_by_hand.py",
    "docx/stylenames": "docx/test_differential.py",
    "docx/styles": "docx/test_differential.py",
    "docx/tables": "docx/test_differential.py",
    "docx/texts": "docx/test_checks.py",
    "docx/unnoticed": "docx/test_changed.py",
    "docx/unreadable": "docx/test_explanations.py",
    "docx/watching": "docx/test_changed.py",
    "docx/xpaths": "docx/test_differential.py",
    "docx/zipping": "docx/test_saving.py",
    "engine/api": "cli/test_cli.py::test_a_run_from_python_gives_its_result",
    "engine/control": "faults/test_kills_and_signals.py"
    "::test_an_interrupted_run_finishes_what_is_in_flight_and_resumes",
    "engine/finish": "engine/test_shards.py"
    "::test_each_shard_renders_its_own_items_and_the_last_one_makes_the_overview_of_all",
    "engine/preview": "cli/test_plan.py::test_after_a_run_each_reason_is_counted_and_nothing_is_touched",
    "engine/products/anew": "cli/test_overview.py"
    "::test_it_is_made_anew_though_it_is_up_to_date_and_no_item_is_rendered",
    "engine/products/make": "engine/products/test_overview.py"
    "::test_it_is_made_again_only_when_an_outcome_changed_or_it_is_damaged",
    "engine/restart": "engine/test_phased.py::test_an_unfinished_run_is_found_once_for_the_whole_folder",
    "engine/part": "engine/products/test_overview.py::test_a_run_that_did_not_get_to_the_end_makes_none",
    "engine/products/merge": "engine/test_all_parts.py::test_what_is_merged_of_all_shards_is_what_one_run_merges",
    "engine/products/product": "engine/test_withdrawn.py"
    "::test_a_product_that_parbatch_did_not_make_is_not_overwritten_and_an_edited_one_is_withdrawn",
    "engine/prune": "cli/test_prune.py::test_outputs_of_items_that_are_gone_are_removed_and_named",
    "engine/reporter": "engine/test_reporters.py::test_a_silent_reporter_says_only_what_has_to_be_known",
    "engine/workshop": "faults/test_teardown.py::test_its_failure_is_told_and_fails_no_item",
    "engine/render": "engine/test_sample_groups.py::test_samples_are_done_before_any_other_item_begins",
    "model/item": "planning/test_source.py",
    "model/job_files": "model/test_loading.py",
    "model/json_advice": "model/test_json_values.py::test_what_json_cannot_hold_is_told_with_how_to_write_it",
    "model/messages": "dispatch/backends/test_message_reader.py",
    "model/option": "model/test_option_table.py",
    "model/outcome": "storage/test_checkpoint.py",
    "model/pickled_job": "model/test_loading.py::test_a_job_made_in_a_script_travels_by_value",
    "model/problem": "engine/test_validation.py",
    "model/result": "reports/test_console.py",
    "model/selection": "storage/test_filters.py",
    "model/signatures": "model/test_job.py::test_a_job_without_items_or_without_render_is_told_what_to_add",
    "model/tracebacks": "worker/test_evidence.py::test_the_place_is_the_innermost_function_of_the_jobs_own_code",
    "planning/order": "storage/test_filters.py",
    "reports/html/causes": "reports/test_html.py::test_counts_causes_tracebacks_and_logs_are_there_without_scripts",
    "reports/html/report": "reports/test_html.py",
    "reports/html/table": "reports/test_html.py"
    "::test_of_more_items_only_those_that_are_not_ok_are_listed_and_the_page_says_so",
    "reports/items": "cli/test_show.py",
    "reports/json": "reports/test_reports.py",
    "reports/report_data": "reports/test_html.py",
    "reports/failures": "reports/test_many_failures.py"
    "::test_failures_that_are_not_held_are_all_in_the_result_and_in_every_report",
    "reports/status": "cli/test_status.py"
    "::test_after_a_run_it_tells_the_counts_the_failures_and_the_command_that_goes_on",
    "reports/withdrawn": "engine/test_withdrawn.py"
    "::test_an_item_that_ends_not_ok_has_its_older_output_withdrawn_and_named",
    "sample/brief": "sample/test_sample.py",
    "sample/country": "sample/test_sample.py",
    "sample/job": "sample/test_sample.py",
    "sample/layout": "sample/test_sample.py",
    "sample/overview": "sample/test_sample.py",
    "sample/styles": "sample/test_sample.py",
    "sample/words": "sample/test_sample.py",
    "storage/chunk_log": "dispatch/test_journal.py",
    "storage/context_store": "planning/test_context_entries.py",
    "storage/damage": "faults/test_damaged_checkpoints.py::test_what_is_told_of_damaged_pages_leads_to_a_whole_run",
    "storage/directory": "storage/test_tree.py::test_a_link_on_the_way_is_refused_and_named",
    "storage/exchange": "storage/test_publishing.py::test_a_new_output_takes_the_place_of_the_old_one",
    "storage/facts": "storage/test_checkpoint.py::test_runs_files_codes_and_the_overview_are_remembered",
    "storage/failures": "storage/test_view.py::test_phases_are_joined_one_after_another_under_their_prefixes",
    "storage/gone": "cli/test_prune.py::test_outputs_of_items_that_are_gone_are_removed_and_named",
    "storage/id_lookup": "cli/test_completion.py::test_items_of_shards_and_of_phases_are_offered_as_they_are_called",
    "storage/key_table": "engine/products/test_merge_writer.py"
    "::test_an_object_has_the_keys_of_all_results_in_their_order",
    "storage/outcomes": "storage/test_checkpoint.py",
    "storage/sources": "storage/test_view.py",
    "storage/timings": "reports/test_figures.py::test_each_item_is_on_its_slots_row_from_its_beginning_to_its_end",
    "storage/totals": "storage/test_view.py",
    "storage/logs": "reports/test_text.py",
    "storage/outcome_writer": "storage/test_checkpoint.py",
    "storage/owner": "storage/test_folder_owner.py"
    "::test_a_job_that_moves_with_its_outputs_or_is_renamed_is_known_again",
    "storage/parts": "engine/test_shards.py::test_a_mark_changes_with_the_outcomes_of_its_shard_alone",
    "storage/phase_record": "engine/test_phased.py"
    "::test_a_job_that_no_longer_comes_after_others_has_the_folder_to_itself",
    "storage/plain_files": "storage/test_tree.py::test_a_pipe_in_place_of_a_file_is_refused_without_waiting",
    "storage/product_records": "engine/test_withdrawn.py::test_an_overview_of_earlier_outcomes_is_said_to_be_one",
    "storage/recovery": "faults/test_recovery.py",
    "storage/schema": "storage/test_opening.py"
    "::test_a_checkpoint_of_the_format_before_is_gone_on_with_and_read_without_being_touched",
    "storage/withdrawals": "engine/test_withdrawn.py"
    "::test_an_output_that_somebody_edited_is_withdrawn_before_its_new_one_is_published",
    "worker/settings": "dispatch/backends/test_base.py",
}


def without_test(
    root: Path, modules: Mapping[Path, ast.Module], tested_by: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield each module that has no test of its own, and what is to be done; and lines of the table that are stale."""
    names = {_name(path): path for path, tree in modules.items() if _has_code(tree)}
    for name, path in names.items():
        places = mirrored(name)
        there = [place for place in places if (root / place).exists()]
        given = tested_by.get(name)
        if given is None and not there:
            yield str(path), f"write {places[0]}, or name its test in TESTED_BY (tools/house_tests.py)"
        elif given is not None and there:
            yield f"TESTED_BY[{name!r}]", f"take this line out: {there[0]} is there"
        elif given is not None and (problem := _problem(root / "tests", given, name, modules[path])):
            yield f"TESTED_BY[{name!r}]", problem
    for name in tested_by:
        if name not in names:
            yield f"TESTED_BY[{name!r}]", "take this line out: there is no such module"


def mirrored(name: str) -> list[str]:
    """Return the places of a module's own test: below its room, with or without the folders in between.

    That of a room's own `__init__.py` is in the room's folder.
    """
    *folders, module = name.split("/")
    rooms = [folders or [module], folders, folders[:1]]
    return list(dict.fromkeys("/".join(["tests", *room, f"test_{module}.py"]) for room in rooms))


def _problem(tests: Path, given: str, name: str, tree: ast.Module) -> str:
    """Tell what is wrong with a line of the table; empty if nothing is."""
    file, _, test = given.partition("::")
    if not (tests / file).exists():
        return f"tests/{file} is not there: name the test that is"
    text = (tests / file).read_text(encoding="utf-8")
    if test:
        return "" if re.search(rf"^(async )?def {test}\(", text, re.MULTILINE) else f"tests/{file} has no {test}"
    return "" if _speaks_of(text, name, tree) else f"tests/{file} names neither the module nor anything public of it"


def _name(path: Path) -> str:
    name = path.relative_to("parbatch").with_suffix("")
    return str(name.parent if name.name == "__init__" and name.parent.name else name)


def _has_code(tree: ast.Module) -> bool:
    """Tell whether there is anything but the docstring."""
    return any(not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)) for one in tree.body)


def _speaks_of(text: str, name: str, tree: ast.Module) -> bool:
    """Tell whether a test has the module's dotted name, or a public name of it."""
    dotted = "parbatch" if name == "__init__" else "parbatch." + name.replace("/", ".")
    public = [
        one.name
        for one in tree.body
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not one.name.startswith("_")
    ]
    return any(re.search(rf"(?<![\w.]){re.escape(word)}\b", text) for word in [dotted, *public])
