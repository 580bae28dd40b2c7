// Package configlang reads the configuration language that repositories carry
// (Zuul: zuul.yaml, zuul.d, .zuul.yaml, .zuul.d) and turns the text of one file
// into objects with places: pipelines, jobs, projects, templates, nodesets,
// secrets, semaphores, queues, pragmas, and the image family.
//
// A File depends on nothing but its text, so it can be kept by the digest of
// the text and shared by all branches, projects and tenants that have it. What
// depends on the tenant (which projects, connections and labels there are,
// whether the project is trusted) is checked where files are put together:
// package layout.
//
// Rules follow Zuul's loader: an object with an error is left out and the
// others stay; text that is not a list of objects leaves out what comes after.
// Scalars are read as YAML 1.1, since existing files were written for it.
package configlang
