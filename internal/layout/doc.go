// Package layout puts the configuration of all repositories of a tenant
// together: which pipelines there are, which variants a job has, what each
// project runs where (Zuul: layout).
//
// It enforces trust while doing so: pipelines come from config projects only,
// and an untrusted project configures itself only. What breaks a rule is left
// out and becomes an error; everything else is in force. Building is a
// function of the files alone, so a speculative layout is the same call with
// the proposed files in place of the merged ones.
package layout
