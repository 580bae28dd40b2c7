package executor

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// maxEnvValue is less than the kernel takes for one variable (128 KiB).
const maxEnvValue = 100 << 10

// envVar is one variable of a script.
type envVar struct{ name, value string }

// scriptEnv is what every script finds in its environment. Nothing here is
// secret: everything on a node can be read by what runs there. A playbook that
// has secrets gets secretsEnv as well.
func scriptEnv(s *buildspec.Spec, home, phase string, success bool) []envVar {
	c := s.Change
	env := []envVar{
		{"CI", "true"},
		{"ZUUL_BRANCH", c.Branch},
		{"ZUUL_BUILD", s.Build},
		{"ZUUL_BUILDSET", s.BuildSet},
		{"ZUUL_CHANGE", number(c.Number)},
		{"ZUUL_CHANGES", changesString(s.Items)},
		{"ZUUL_CHANGE_URL", c.URL},
		{"ZUUL_JOB", s.Job},
		{"ZUUL_PATCHSET", c.Patchset},
		{"ZUUL_PIPELINE", s.Pipeline},
		{"ZUUL_PROJECT", c.Project.Name},
		{"ZUUL_REF", c.Ref},
		{"ZUUL_TENANT", s.Tenant},
		{"ZUUL_UUID", s.Build},
		{"ZUUL_VARS_FILE", path.Join(home, varsFile)},
		{"ZUUL_VOTING", strconv.FormatBool(s.Voting)},
		{"GOZER_LOG_DIR", path.Join(home, logsDir)},
		{"GOZER_RESULTS", path.Join(home, resultsFile)},
		{"GOZER_PHASE", phase},
		{"GOZER_PROJECT_DIR", path.Join(home, s.SrcDir(c.Project))},
		{"GOZER_SRC_DIR", path.Join(home, "src")},
	}
	if phase == phasePost {
		env = append(env, envVar{"ZUUL_SUCCESS", strconv.FormatBool(success)})
	}
	for i := range env {
		env[i].value = strings.ReplaceAll(env[i].value, "\x00", "")
	}
	return env
}

func number(n int64) string {
	if n == 0 {
		return "" // a ref is no change
	}
	return strconv.FormatInt(n, 10)
}

// changesString is project:branch:number,patchset of every item, joined by ^.
// Items at the front are left out when it would be too long for a variable.
func changesString(items []buildspec.Change) string {
	var parts []string
	size := 0
	for i := len(items) - 1; i >= 0; i-- {
		c := items[i]
		p := fmt.Sprintf("%s:%s:%d,%s", c.Project.Name, c.Branch, c.Number, c.Patchset)
		if size += len(p) + 1; size > maxEnvValue {
			break
		}
		parts = append([]string{p}, parts...)
	}
	return strings.Join(parts, "^")
}

// Names below the home of a node.
const (
	varsFile = "zuul.json"
	logsDir  = "logs"
)

// varsJSON is the job's variables, and `zuul`, which the job cannot set itself.
func varsJSON(s *buildspec.Spec, home string) ([]byte, error) {
	all := map[string]any{}
	for k, v := range s.Vars {
		all[k] = v
	}
	all["zuul"] = zuulVars(s, home)
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("variables of the job: %w", err)
	}
	return append(b, '\n'), nil
}

// zuulVars is what a job may know of the build (FEATURES 5.2), with the
// workspace in a home.
func zuulVars(s *buildspec.Spec, home string) map[string]any {
	zuul := map[string]any{
		"build": s.Build, "buildset": s.BuildSet, "job": s.Job, "pipeline": s.Pipeline, "tenant": s.Tenant,
		"voting": s.Voting, "attempts": s.Attempt, "max_attempts": s.MaxAttempts,
		"timeout": s.TimeoutSeconds, "post_timeout": s.PostTimeoutSeconds, "jobtags": s.Tags, "post_review": s.PostReview,
		"projects": projectVars(s), "items": refVars(s, s.Items),
		"executor": map[string]any{
			"work_root": home, "src_root": path.Join(home, "src"), "log_root": path.Join(home, logsDir),
		},
	}
	addChange(zuul, s, s.Change)
	zuul["build_refs"], zuul["buildset_refs"] = refVars(s, s.BuildRefs), refVars(s, s.BuildSetRefs)
	zuul["child_jobs"], zuul["event_id"] = append([]string{}, s.ChildJobs...), s.EventID
	if s.Change.Number != 0 {
		zuul["message"] = base64.StdEncoding.EncodeToString([]byte(s.Messages[s.Change.Key()]))
	}
	if len(s.Artifacts) > 0 {
		zuul["artifacts"] = artifactVars(s.Artifacts)
	}
	return zuul
}

// artifactVars leave out what an artifact, or what it was made for, does not have.
func artifactVars(artifacts []buildspec.Artifact) []any {
	var out []any
	for _, a := range artifacts {
		v := map[string]any{"project": a.Project, "job": a.Job, "name": a.Name, "url": a.URL}
		for name, text := range map[string]string{"branch": a.Branch, "change": number(a.Change), "patchset": a.Patchset, "ref": a.Ref, "oldrev": a.OldRev, "newrev": a.NewRev} {
			if text != "" {
				v[name] = text
			}
		}
		if metadata, err := decodeJSON(a.Metadata); err == nil && a.Metadata != nil {
			v["metadata"] = metadata
		}
		out = append(out, v)
	}
	return out
}

// addChange leaves out what a change, or a ref, does not have.
func addChange(to map[string]any, s *buildspec.Spec, c buildspec.Change) {
	to["project"] = projectVar(s, c.Project)
	vars := map[string]string{"ref": c.Ref, "commit_id": c.Head, "branch": c.Branch, "change_url": c.URL}
	if c.Number != 0 {
		vars["change"], vars["patchset"], vars["change_message"] = number(c.Number), c.Patchset, s.Messages[c.Key()]
		to["topic"] = nil // no code host that is known here has any
	} else {
		// A timer brings in a branch without a version: it has no newrev, as in Zuul.
		vars["oldrev"], vars["newrev"] = c.OldRev, c.Patchset
		if tag, ok := model.TagOfRef(c.Ref); ok {
			vars["tag"] = tag
		}
	}
	for k, v := range vars {
		if v != "" {
			to[k] = v
		}
	}
}

func projectVar(s *buildspec.Spec, p model.Project) map[string]any {
	return map[string]any{
		"name": p.Name, "short_name": p.ShortName(), "canonical_hostname": p.Hostname,
		"canonical_name": p.Canonical(), "src_dir": s.SrcDir(p),
	}
}

func projectVars(s *buildspec.Spec) map[string]any {
	out := map[string]any{}
	for _, c := range s.Projects {
		v := projectVar(s, c.Project)
		v["required"], v["checkout"], v["commit"] = c.Required, cmp.Or(c.Branch, c.Tag), c.Commit
		out[c.Project.Canonical()] = v
	}
	return out
}

func refVars(s *buildspec.Spec, changes []buildspec.Change) []any {
	out := []any{}
	for _, c := range changes {
		v := map[string]any{}
		addChange(v, s, c)
		out = append(out, v)
	}
	return out
}
