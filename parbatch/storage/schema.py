"""The tables of a checkpoint.

`items` has one row an item, in the order of the source (`alike`: in how many runs in a row it has failed with the same
`fingerprint`, nothing that it depends on having changed; `metrics`: its own figures by name, of an item that is ok);
`gone` the rows of items that the source no longer has; `attempts` the evidence of every attempt that did not end ok;
`outputs` what is published and by whom (`published`: how many of these rows an item that is ok has to have, NULL where
nobody wrote it down); `withdrawn` what no longer counts (from `source` it is moved to `kept`, both from the output
folder on; `is_done`: it has been); `files` what the outputs depend on besides the data; `products` what was made of all
outcomes; `codes` the versions of the job's code; `runs` the runs so far; `entries` the index of the shared entries, in
the order of the job's context function; `chunks` what each chunk came to that was done with shared entries, or as a
whole.

All values are numbers, text or JSON: opening somebody's checkpoint runs no code.
"""

FORMAT = 3
OLDEST_FORMAT = 2  # what MIGRATION makes the present one of
APPLICATION_ID = 0x70617262  # "parb"

ITEM_COLUMNS = """
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    duration_s REAL,
    name TEXT NOT NULL,
    "group" TEXT NOT NULL,
    data TEXT NOT NULL,
    requires TEXT,
    stem TEXT,
    reason TEXT,
    code INTEGER,
    result TEXT,
    slot INTEGER,
    ended_at REAL,
    peak_memory_bytes INTEGER,
    fingerprint TEXT,
    alike INTEGER NOT NULL DEFAULT 0,
    warnings TEXT,
    metrics TEXT,
    priority INTEGER NOT NULL DEFAULT 0,
    published INTEGER
"""
COLUMNS = (
    'position, id, status, attempts, duration_s, name, "group", data, requires, stem, reason, code, result,'
    " slot, ended_at, peak_memory_bytes, fingerprint, alike, warnings, metrics, priority, published"
)

_WITHDRAWN = """
CREATE TABLE withdrawn (kept TEXT PRIMARY KEY, source TEXT NOT NULL, path TEXT NOT NULL, id TEXT NOT NULL,
    run_id TEXT NOT NULL, why TEXT NOT NULL, is_done INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
"""

# From format 2, in one transaction.
MIGRATION = (
    "ALTER TABLE items ADD COLUMN published INTEGER",
    "ALTER TABLE gone ADD COLUMN published INTEGER",
    _WITHDRAWN,
    f"PRAGMA user_version = {FORMAT}",
)

SCHEMA = f"""
CREATE TABLE items ({ITEM_COLUMNS});
CREATE TABLE gone ({ITEM_COLUMNS.replace("position INTEGER PRIMARY KEY", "position INTEGER")});
CREATE TABLE attempts (id TEXT NOT NULL, run_id TEXT NOT NULL, number INTEGER NOT NULL, status TEXT NOT NULL,
    duration_s REAL, cpu_s REAL, peak_memory_bytes INTEGER, slot INTEGER, ended_at REAL, evidence TEXT, logs TEXT,
    fingerprint TEXT, code INTEGER);
CREATE INDEX gone_by_id ON gone (id);
CREATE INDEX attempts_of_item ON attempts (id);
CREATE TABLE outputs (place TEXT PRIMARY KEY, id TEXT NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX outputs_of_item ON outputs (id);
CREATE TABLE files (path TEXT PRIMARY KEY, digest TEXT);
CREATE TABLE codes (code INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE);
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE runs (run_id TEXT PRIMARY KEY, state TEXT NOT NULL, record TEXT NOT NULL);
CREATE TABLE products (product TEXT NOT NULL, path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    digest TEXT NOT NULL);
CREATE TABLE entries (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, kind TEXT NOT NULL,
    layout TEXT NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL, summary TEXT NOT NULL, tokens INTEGER,
    size INTEGER NOT NULL);
CREATE TABLE chunks (run_id TEXT NOT NULL, number INTEGER NOT NULL, slot INTEGER NOT NULL, items INTEGER NOT NULL,
    entries INTEGER NOT NULL, tokens INTEGER NOT NULL, bytes INTEGER NOT NULL, acquire_s REAL NOT NULL,
    duration_s REAL NOT NULL, ended_at REAL NOT NULL, PRIMARY KEY (run_id, number)) WITHOUT ROWID;
{_WITHDRAWN}
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""
