package jobgraph

import (
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
)

// playbooks nests: pre-run from the root inwards, run of the innermost, post-run from the job outwards.
func (j *Job) playbooks(l *layout.Layout, v *layout.Job) *Error {
	if len(v.PreRun)+len(v.Run)+len(v.PostRun)+len(v.CleanupRun) == 0 {
		return nil
	}
	var secrets []Secret
	for _, use := range v.Secrets {
		s, err := secretOf(l, v, use)
		if err != nil {
			return err
		}
		secrets = append(secrets, s)
	}
	from := func(list []configlang.Playbook) []Playbook {
		out := make([]Playbook, len(list))
		for i, p := range list {
			out[i] = Playbook{Path: p.Path, Origin: v.Origin, NestingLevel: len(j.Path), Roles: j.Roles, Secrets: secrets, Semaphores: p.Semaphores, Cleanup: p.Cleanup}
		}
		return out
	}
	if len(v.Run) > 0 {
		j.Run = from(v.Run)
	}
	if len(v.PreRun) > 0 {
		j.PreRun = slices.Concat(j.PreRun, from(v.PreRun))
	}
	if len(v.PostRun) > 0 {
		j.PostRun = slices.Concat(from(v.PostRun), j.PostRun)
	}
	if len(v.CleanupRun) > 0 {
		j.CleanupRun = slices.Concat(from(v.CleanupRun), j.CleanupRun)
	}
	return nil
}

func secretOf(l *layout.Layout, v *layout.Job, use configlang.SecretUse) (Secret, *Error) {
	def := l.Secret(use.Name)
	if def == nil || def.Origin.Project != v.Origin.Project {
		// One of another project must not get here, whatever was said when it was loaded.
		return Secret{}, errorf(kindSecret, "Secret %s not found", use.Name)
	}
	return Secret{Alias: use.Alias, Def: def, Project: v.Origin.Project}, nil
}

// passSecrets gives secrets to the playbooks that are there. Where one of them
// is from an untrusted project, anybody could have changed it: such a job runs
// only after review.
func (j *Job) passSecrets(l *layout.Layout, v *layout.Job) *Error {
	var passed []Secret
	for _, use := range v.Secrets {
		if !use.PassToParent {
			continue
		}
		s, err := secretOf(l, v, use)
		if err != nil {
			return err
		}
		passed = append(passed, s)
	}
	if len(passed) == 0 {
		return nil
	}
	for _, list := range []*[]Playbook{&j.PreRun, &j.Run, &j.PostRun, &j.CleanupRun} {
		*list = slices.Clone(*list)
		for i := range *list {
			p := &(*list)[i]
			secrets := slices.Clone(p.Secrets)
			for _, s := range passed {
				if !slices.ContainsFunc(p.Secrets, func(o Secret) bool { return o.Alias == s.Alias }) {
					secrets = append(secrets, s)
				}
			}
			p.Secrets = secrets
			j.PostReview = j.PostReview || !p.Origin.Project.Trusted
		}
	}
	return nil
}

// semaphoresOnce refuses a semaphore that both the job and a playbook of it hold.
func (j *Job) semaphoresOnce() *Error {
	if len(j.Semaphores) == 0 {
		return nil
	}
	for _, list := range [][]Playbook{j.Run, j.PreRun, j.PostRun, j.CleanupRun} {
		for _, p := range list {
			for _, s := range j.Semaphores {
				if slices.Contains(p.Semaphores, s.Name) {
					return errorf(kindConfiguration, "Semaphore %s of job %s is specified as both job and playbook semaphore but may only be used for one", s.Name, j.Name)
				}
			}
		}
	}
	return nil
}

// AffectedProjects are the canonical names of all repositories that the job uses, sorted.
func (j *Job) AffectedProjects() []string {
	var out []string
	for _, r := range j.RequiredProjects {
		out = append(out, r.Name)
	}
	for _, list := range [][]Playbook{j.PreRun, j.Run[:min(1, len(j.Run))], j.PostRun, j.CleanupRun} {
		for _, p := range list {
			out = append(out, p.Origin.Project.Canonical())
			for _, r := range p.Roles {
				out = append(out, r.Project.Canonical())
			}
		}
	}
	for _, iv := range j.IncludeVars {
		if iv.Project != nil {
			out = append(out, iv.Project.Canonical())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
