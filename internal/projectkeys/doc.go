// Package projectkeys keeps the keys for which the secrets of projects are
// encrypted: one RSA key for every repository, by its canonical name (Zuul: the
// key store; here it is not ZooKeeper but Secrets in the operator's namespace).
//
//	Secret project-key-<repository>-<hash of the canonical name>
//	  annotation gozer.dev/project      the canonical name
//	  label      gozer.dev/project-key  the same, shortened: finds all keys
//	  data       private.pem, public.pem
//
// A key belongs to the installation. Nothing owns its Secret, so it outlives
// the tenants that have the repository; whoever deletes it makes everything
// that was encrypted for it unreadable.
//
// A key is made when its public part is first asked for, one at a time, for it
// takes a second of CPU. Private never makes one: what is encrypted has a key
// already, so a reconcile may call it. A Secret that says it is another
// project's is refused, whatever its name.
package projectkeys
