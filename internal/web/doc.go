// Package web is the role that people and code hosts reach (Zuul: zuul-web):
//
//	POST /api/connection/<connection>/payload   webhooks; see package intake
//	GET  /t/<tenant>/build/<build>              a page about a build
//	GET  /logs/<tenant>/<build>[/<attempt>]     its log; ?offset=N, ?follow=true
//	GET  /api/tenant/<tenant>/console-stream    Zuul's websocket with it
//	GET  /logs/<tenant>/<build>/<attempt>/      its files: a page, or JSON
//	GET  /logs/<tenant>/<build>/<attempt>/<file>  one of them, with ranges
//	GET  /api/builds                            history as JSON
//	GET  /api/builds/<tenant>/<build>           one build as JSON
//	GET  /api/tenant/<tenant>/key/<project>.pub public key for the project's secrets
//	GET  /healthz
//
// It keeps nothing: what it shows is the manager's, which it asks with the
// installation's internal token; what a visitor sends for a credential goes no
// further. Any number of replicas may run.
//
// As in Zuul, reading needs no login: whoever reaches this service reads the
// builds and logs of all tenants. Where that is not wanted, put something that
// asks who is there in front of it, for everything but the webhooks.
//
// Following a log is an answer that may take hours: the server that runs the
// handler must have no WriteTimeout. A reader that does not read is let go.
//
// Logs, reasons and names come from code of strangers. Pages are made by
// html/template and need no script; their Content-Security-Policy allows one, by
// its hash, which adds to the page of a build what is written to its log.
package web
