// Package logfollow lets many people follow the logs of builds that run (Zuul:
// what zuul-web and the finger gateway do with the streams of executors).
//
// However many follow a log, the manager is asked for it once: a feed reads it
// and keeps the last of it in memory. Each follower reads that at its own pace.
//
//	manager ---one answer---> feed [ ...the last 1 MiB ] ---> follower
//	   ^                                            \-------> follower
//	   '--- a part of the log, for who is further behind ---> follower
//
// A follower that is slow holds up nobody: neither the others, nor the manager,
// nor the build. What it has missed it reads from the manager; nothing is left
// out. Who does not read at all is let go by whoever writes to it.
//
// A feed survives a manager that restarts: it goes on where it was.
package logfollow
