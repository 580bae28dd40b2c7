package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/returned"
)

// Build is one attempt of one build.
type Build struct {
	// Tenant is its namespace, Name and UID are of the Build in it.
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
	UID    string `json:"uid,omitempty"`
	// Attempt is 0 when the build never started.
	Attempt int `json:"attempt"`

	Pipeline string `json:"pipeline"`
	// Project is the canonical name: "git.example.com/acme/api".
	Project   string `json:"project"`
	Branch    string `json:"branch,omitempty"`
	Change    int64  `json:"change,omitempty"`
	Patchset  string `json:"patchset,omitempty"`
	ChangeURL string `json:"changeURL,omitempty"`
	Job       string `json:"job"`
	Voting    bool   `json:"voting"`

	// Result is empty while the attempt runs.
	Result       string `json:"result,omitempty"`
	Reason       string `json:"reason,omitempty"`
	FirstFailure string `json:"firstFailure,omitempty"`
	LogURL       string `json:"logURL,omitempty"`
	// Started and Ended are zero when it has not.
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`

	Item     string `json:"item"`
	BuildSet string `json:"buildset"`
	Epoch    int    `json:"epoch"`
	// Provides are names of what the job makes, Artifacts what it has left somewhere.
	// Lists of builds are without them: see Provided.
	Provides  []string            `json:"provides,omitempty"`
	Artifacts []returned.Artifact `json:"artifacts,omitempty"`
	// TestedOn are the changes that were tested with it, for people: "acme/api#11".
	TestedOn []string `json:"testedOn,omitempty"`
}

const upsertBuildSet = `
INSERT INTO buildsets (tenant, name, pipeline, project, branch, change, patchset, change_url, item, epoch, tested_on)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET tested_on = excluded.tested_on
WHERE excluded.tested_on <> '' AND tested_on <> excluded.tested_on`

// The first final result stays: a build that has ended does not end again.
const upsertBuild = `
INSERT INTO builds (tenant, name, attempt, uid, buildset, job, voting, result, reason, first_failure, log_url, started, ended, provides, artifacts)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
  provides = excluded.provides, artifacts = excluded.artifacts, uid = excluded.uid, result = excluded.result, reason = excluded.reason, first_failure = excluded.first_failure,
  log_url = excluded.log_url, started = coalesce(excluded.started, started), ended = coalesce(excluded.ended, ended)
WHERE result = '' OR (result = 'RETRY' AND excluded.result <> '') OR result = excluded.result`

// RecordBuild keeps an attempt. Recording it again changes nothing; a result
// replaces "still running", and a final one (CANCELED too) replaces RETRY and
// is never replaced itself.
func (s *Store) RecordBuild(ctx context.Context, b Build) error {
	if b.Tenant == "" || b.Name == "" || b.BuildSet == "" {
		return errors.New("history: a build has a tenant, a name and a buildset")
	}
	artifacts, err := artifactsText(b.Artifacts)
	if err != nil {
		return fmt.Errorf("history: build %s/%s: %w", b.Tenant, b.Name, err)
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	if _, err := tx.ExecContext(ctx, upsertBuildSet, b.Tenant, b.BuildSet, b.Pipeline, b.Project, b.Branch, b.Change, b.Patchset,
		b.ChangeURL, b.Item, b.Epoch, strings.Join(b.TestedOn, "\n")); err != nil {
		return fmt.Errorf("history: buildset %s/%s: %w", b.Tenant, b.BuildSet, err)
	}
	if _, err := tx.ExecContext(ctx, upsertBuild, b.Tenant, b.Name, b.Attempt, b.UID, b.BuildSet, b.Job, b.Voting,
		b.Result, b.Reason, b.FirstFailure, b.LogURL, micros(b.Started), micros(b.Ended), strings.Join(b.Provides, "\n"), artifacts); err != nil {
		return fmt.Errorf("history: build %s/%s: %w", b.Tenant, b.Name, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("history: build %s/%s: %w", b.Tenant, b.Name, err)
	}
	return nil
}

// Prune forgets attempts that ended, or began and never ended, before a
// moment, and says how many.
func (s *Store) Prune(ctx context.Context, before time.Time) (int64, error) {
	r, err := s.db.ExecContext(ctx, `DELETE FROM builds WHERE latest < ?`, before.UnixMicro())
	if err != nil {
		return 0, fmt.Errorf("history: prune: %w", err)
	}
	n, err := r.RowsAffected()
	if err != nil || n == 0 {
		return n, err
	}
	_, err = s.db.ExecContext(ctx, `DELETE FROM buildsets WHERE NOT EXISTS
		(SELECT 1 FROM builds b WHERE b.tenant = buildsets.tenant AND b.buildset = buildsets.name)`)
	return n, err
}

func micros(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

func moment(v sql.NullInt64) time.Time {
	if !v.Valid {
		return time.Time{}
	}
	return time.UnixMicro(v.Int64).UTC()
}
