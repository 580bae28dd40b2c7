// Package supervise runs the programs of one cluster in Linux namespaces of
// their own: network, mounts and processes.
//
//	the machine                     the cluster's namespaces
//	-----------                     ------------------------
//	up ── Start ──────────────────► supervisor (process 1 there)
//	   ── Client: Apply(units) ───►   ├─ etcd
//	      over a Unix socket          ├─ kube-apiserver, started when etcd answers
//	                                  └─ ...
//
// The supervisor starts each unit when what it needs answers, starts it again
// when it ends, and reaps what containers leave. Ending the supervisor ends all
// processes of the cluster, and with them its network and its mounts: nothing
// that a program forgot to clean up outlives it.
package supervise
