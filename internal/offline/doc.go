// Package offline loads a tenant's configuration from folders on disk, without
// a cluster or a code host: for people who check before they push, for editors,
// and for comparing with what Zuul makes of the same files.
//
// The projects of the tenant file lie below one or more roots (package
// localrepo). Connections are read from a zuul.conf, or guessed by their names.
package offline
