-- +goose Up
CREATE TABLE buildsets (
    tenant        TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    pipeline      TEXT    NOT NULL,
    project       TEXT    NOT NULL,
    branch        TEXT    NOT NULL,
    change        INTEGER NOT NULL,
    patchset      TEXT    NOT NULL,
    change_url    TEXT    NOT NULL,
    item          TEXT    NOT NULL,
    epoch         INTEGER NOT NULL,
    tested_on     TEXT    NOT NULL,
    PRIMARY KEY (tenant, name)
) WITHOUT ROWID;
CREATE INDEX buildsets_by_change ON buildsets (tenant, project, change);

-- Times are microseconds since 1970; NULL is not yet.
CREATE TABLE builds (
    tenant        TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    attempt       INTEGER NOT NULL,
    uid           TEXT    NOT NULL,
    buildset      TEXT    NOT NULL,
    job           TEXT    NOT NULL,
    voting        INTEGER NOT NULL,
    result        TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    first_failure TEXT    NOT NULL,
    log_url       TEXT    NOT NULL,
    started       INTEGER,
    ended         INTEGER,
    latest        INTEGER NOT NULL GENERATED ALWAYS AS (coalesce(ended, started, 0)) STORED,
    PRIMARY KEY (tenant, name, attempt),
    FOREIGN KEY (tenant, buildset) REFERENCES buildsets (tenant, name)
) WITHOUT ROWID;
CREATE INDEX builds_by_time ON builds (tenant, latest DESC);
CREATE INDEX builds_by_job ON builds (tenant, job, latest DESC);
CREATE INDEX builds_by_buildset ON builds (tenant, buildset);

-- +goose Down
DROP TABLE builds;
DROP TABLE buildsets;
