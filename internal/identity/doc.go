// Package identity lets the processes of one installation recognise one
// another: mutual TLS without files, Secrets or a certificate controller.
//
//	installation's key ──► authority (the same in every process)
//	                          ├──► certificate of this process: its role, a day
//	                          └──► the authority's certificate, for executors
//
// Whoever has the key derives the authority from it and makes its own
// certificates, in memory. Whoever has none, as executors, can be given the
// authority's certificate, which is public, to know whom they speak to.
//
// It stands for the certificates with which the components of Zuul reach their
// ZooKeeper, and which people make there.
package identity
