"""The tables of a checkpoint.

`items` has one row an item, in the order of the source (`alike`: in how many runs in a row it has failed with the same
`fingerprint`, nothing that it depends on having changed; `metrics`: its own figures by name, of an item that is ok);
`gone` the rows of items that the source no longer has; `attempts` the evidence of every attempt that did not end ok;
`outputs` what is published and by whom; `files` what the outputs depend on besides the data; `products` what was made
of all outcomes; `codes` the versions of the job's code; `runs` the runs so far.

All values are numbers, text or JSON: opening somebody's checkpoint runs no code.
"""

FORMAT = 2
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
    metrics TEXT
"""
COLUMNS = (
    'position, id, status, attempts, duration_s, name, "group", data, requires, stem, reason, code, result,'
    " slot, ended_at, peak_memory_bytes, fingerprint, alike, warnings, metrics"
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
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""
