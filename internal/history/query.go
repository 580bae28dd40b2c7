package history

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Filter narrows a list of builds; an empty field allows all.
type Filter struct {
	Tenant   string
	Pipeline string
	// Project is the canonical name, or the path on its host.
	Project string
	Change  int64
	Job     string
	Result  string
	// Name of the Build.
	Name string
	// Since is the earliest end, or start of what has not ended.
	Since time.Time
	// Limit is 50 when it is 0, and at most MaxLimit.
	Limit int
}

// Bounds of a list.
const (
	defaultLimit = 50
	MaxLimit     = 1000
)

// Builds lists attempts, the newest first.
func (s *Store) Builds(ctx context.Context, f Filter) ([]Build, error) {
	where, args := f.where()
	args = append(args, f.limit())
	rows, err := s.db.QueryContext(ctx, `
SELECT b.tenant, b.name, b.uid, b.attempt, s.pipeline, s.project, s.branch, s.change, s.patchset, s.change_url, b.job, b.voting,
       b.result, b.reason, b.first_failure, b.log_url, b.started, b.ended, s.item, b.buildset, s.epoch, s.tested_on
FROM builds b JOIN buildsets s ON s.tenant = b.tenant AND s.name = b.buildset`+where+`
ORDER BY b.latest DESC, b.tenant, b.name, b.attempt DESC LIMIT ?`, args...)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var out []Build
	for rows.Next() {
		var b Build
		var started, ended sql.NullInt64
		var testedOn string
		if err := rows.Scan(&b.Tenant, &b.Name, &b.UID, &b.Attempt, &b.Pipeline, &b.Project, &b.Branch, &b.Change, &b.Patchset, &b.ChangeURL, &b.Job, &b.Voting,
			&b.Result, &b.Reason, &b.FirstFailure, &b.LogURL, &started, &ended, &b.Item, &b.BuildSet, &b.Epoch, &testedOn); err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		b.Started, b.Ended = moment(started), moment(ended)
		if testedOn != "" {
			b.TestedOn = strings.Split(testedOn, "\n")
		}
		out = append(out, b)
	}
	return out, rows.Err()
}

func (f Filter) where() (string, []any) {
	var conditions []string
	var args []any
	add := func(use bool, condition string, arg any) {
		if use {
			conditions, args = append(conditions, condition), append(args, arg)
		}
	}
	add(f.Tenant != "", "b.tenant = ?", f.Tenant)
	add(f.Name != "", "b.name = ?", f.Name)
	add(f.Pipeline != "", "s.pipeline = ?", f.Pipeline)
	if f.Project != "" {
		conditions, args = append(conditions, "(s.project = ? OR substr(s.project, instr(s.project, '/') + 1) = ?)"), append(args, f.Project, f.Project)
	}
	add(f.Change != 0, "s.change = ?", f.Change)
	add(f.Job != "", "b.job = ?", f.Job)
	add(f.Result != "", "b.result = ?", f.Result)
	add(!f.Since.IsZero(), "b.latest >= ?", f.Since.UnixMicro())
	if len(conditions) == 0 {
		return "", nil
	}
	return "\nWHERE " + strings.Join(conditions, " AND "), args
}

func (f Filter) limit() int {
	if f.Limit <= 0 {
		return defaultLimit
	}
	return min(f.Limit, MaxLimit)
}

// Median is how long a job takes when it succeeds.
type Median struct {
	Duration time.Duration
	// Builds is how many it was made of, at most 50.
	Builds int
}

const samples = 50

// Medians of the last builds of a project that succeeded, by job; an empty job is all of them.
func (s *Store) Medians(ctx context.Context, tenant, project, job string) (map[string]Median, error) {
	rows, err := s.db.QueryContext(ctx, `
SELECT job, took FROM (
  SELECT b.job, b.ended - b.started AS took, row_number() OVER (PARTITION BY b.job ORDER BY b.latest DESC) AS n
  FROM builds b JOIN buildsets s ON s.tenant = b.tenant AND s.name = b.buildset
  WHERE b.tenant = ?1 AND s.project = ?2 AND (?3 = '' OR b.job = ?3)
    AND b.result = 'SUCCESS' AND b.started IS NOT NULL AND b.ended >= b.started
) WHERE n <= ?4`, tenant, project, job, samples)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	took := map[string][]int64{}
	for rows.Next() {
		var name string
		var t int64
		if err := rows.Scan(&name, &t); err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		took[name] = append(took[name], t)
	}
	out := map[string]Median{}
	for name, all := range took {
		out[name] = Median{Duration: median(all), Builds: len(all)}
	}
	return out, rows.Err()
}

// median of microseconds; of an even number, the mean of the two in the middle.
func median(all []int64) time.Duration {
	slices.Sort(all)
	upper := all[len(all)/2]
	lower := all[(len(all)-1)/2]
	return time.Duration((lower+upper)/2) * time.Microsecond
}
