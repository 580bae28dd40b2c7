package tenant

import (
	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// withoutEffect names what a tenant sets and this version does not act on:
// nobody should trust in a bound that is not there.
func withoutEffect(t *gozer.Tenant) []gozer.ConfigError {
	var out []gozer.ConfigError
	say := func(set bool, field string) {
		if set {
			out = append(out, gozer.ConfigError{Severity: "warning", Message: "tenant " + t.Name + ": spec." + field + " has no effect in this version of Gozer"})
		}
	}
	s := t.Spec
	say(s.WebRoot != "", "webRoot")
	say(s.AuthenticationRealm != "", "authenticationRealm")
	say(len(s.AdminRules) > 0, "adminRules")
	say(len(s.AccessRules) > 0, "accessRules")
	unprotected, locked := s.ExcludeUnprotectedBranches, s.ExcludeLockedBranches
	for _, source := range s.Sources {
		for _, list := range [][]gozer.TenantProject{source.ConfigProjects, source.UntrustedProjects} {
			for _, p := range list {
				unprotected = unprotected || p.ExcludeUnprotectedBranches != nil && *p.ExcludeUnprotectedBranches
				locked = locked || p.ExcludeLockedBranches != nil && *p.ExcludeLockedBranches
			}
		}
	}
	say(unprotected, "excludeUnprotectedBranches")
	say(locked, "excludeLockedBranches")
	return out
}
