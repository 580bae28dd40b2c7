// Package simulate plays a gate on a virtual clock: what a recorded or invented
// load of changes becomes under a policy, how long changes wait, and what it
// costs. The policy zuul is the real queue engine (package gate); the others are
// what it is compared with.
//
//	Trace / Synthetic ──► Workload ──► Run(policy) ──► Result
//
// It is pure: the same workload, options and seed give the same result, byte for
// byte. It does not model what merging, starting Pods and reporting take: the
// clock stands still while the gate decides.
package simulate
