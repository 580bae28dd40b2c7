// Package model holds the values that every pure package speaks: projects,
// changes, events and results. They are plain data: no client, no clock, no
// behaviour beyond naming and comparing.
//
// The words are the field's (Zuul's): a change has a patchset, an item is a
// change in a pipeline, a buildset is one attempt to test an item on one
// speculative state, a build is one job of a buildset.
package model
