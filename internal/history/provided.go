package history

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gozer-dev/gozer/internal/returned"
)

// Provided finds builds with what they provide and their artifacts, each with its
// last attempt. One of these says which.
type Provided struct {
	Tenant string
	// BuildSet is the name of one.
	BuildSet string
	// Build is the name of one.
	Build string
	// Of a version of a change in a pipeline, the latest buildset. Project is a canonical name.
	Pipeline, Project string
	Change            int64
	Patchset          string
}

const ofBuildSet = `
SELECT b.name, b.job, b.result, b.provides, b.artifacts, b.buildset, s.project, s.branch, s.change, s.patchset, b.attempt
FROM builds b JOIN buildsets s ON s.tenant = b.tenant AND s.name = b.buildset
WHERE b.tenant = ?1 AND b.attempt = (SELECT max(l.attempt) FROM builds l WHERE l.tenant = b.tenant AND l.name = b.name)
  AND `

const latestBuildSet = `b.buildset = (
  SELECT x.buildset FROM builds x JOIN buildsets y ON y.tenant = x.tenant AND y.name = x.buildset
  WHERE y.tenant = ?1 AND y.pipeline = ?2 AND y.project = ?3 AND y.change = ?4 AND y.patchset = ?5
  ORDER BY x.latest DESC, y.epoch DESC LIMIT 1)
ORDER BY b.name`

// Provided lists builds in the order of their names.
func (s *Store) Provided(ctx context.Context, p Provided) ([]Build, error) {
	query, args := ofBuildSet+latestBuildSet, []any{p.Tenant, p.Pipeline, p.Project, p.Change, p.Patchset}
	switch {
	case p.Build != "":
		query, args = ofBuildSet+"b.name = ?2", []any{p.Tenant, p.Build}
	case p.BuildSet != "":
		query, args = ofBuildSet+"b.buildset = ?2 ORDER BY b.name", []any{p.Tenant, p.BuildSet}
	}
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var out []Build
	for rows.Next() {
		b := Build{Tenant: p.Tenant}
		var provides, artifacts string
		if err := rows.Scan(&b.Name, &b.Job, &b.Result, &provides, &artifacts, &b.BuildSet, &b.Project, &b.Branch, &b.Change, &b.Patchset, &b.Attempt); err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		if provides != "" {
			b.Provides = strings.Split(provides, "\n")
		}
		if artifacts != "" {
			if err := json.Unmarshal([]byte(artifacts), &b.Artifacts); err != nil {
				return nil, fmt.Errorf("history: artifacts of build %s/%s: %w", p.Tenant, b.Name, err)
			}
		}
		out = append(out, b)
	}
	return out, rows.Err()
}

func artifactsText(artifacts []returned.Artifact) (string, error) {
	if len(artifacts) == 0 {
		return "", nil
	}
	raw, err := json.Marshal(artifacts)
	return string(raw), err
}
