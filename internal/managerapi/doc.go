// Package managerapi is what the manager serves to Gozer's own roles and to
// executors (Zuul: the log streamer and the builds pages of the REST API):
//
//	POST, PUT /logs/<namespace>/<build>/<attempt>   executors append; the build's own token
//	PUT       /logs/<namespace>/<build>/<attempt>/<file>  executors leave files; the same token
//	GET       /logs/<namespace>/<build>[/<attempt>] the web role reads
//	GET       /logs/<namespace>/<build>/<attempt>/[<file>]  files, or which there are
//	GET       /api/builds                           history, newest first; see filter
//	GET       /api/builds/<namespace>/<build>       one build, running or done
//	GET       /api/find/<prefix>                    builds whose names begin so
//	GET       /api/tenant/<tenant>/key/<project>.pub  the public key for a project's secrets
//	GET       /healthz                              open
//
// Everything that is not open needs the installation's internal token of the
// role "manager". Nothing here is for people: they come through package web.
package managerapi
