// Package artifacts decides what a job gets that requires what jobs of changes
// ahead of it provide (Zuul: provides, requires).
//
//	ahead:  A (image provides X)   B (-)   C (image provides X)   own: test requires X
//	        └── 3. then these ────────────── 2. and these ──┘      1. waits for them
//
// 1. From the change right ahead to the front, every job that provides something of
// what is required must have succeeded, or be paused. The first that is not there
// yet is waited for; the first that has failed fails the job as well.
//
// 2. When all are there, the job gets what they have returned, the front first.
//
// What an item ahead consists of is found out by who asks: its builds, those of the
// same changes where the item itself runs no jobs, or what the history has of them.
package artifacts
