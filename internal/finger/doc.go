// Package finger shows the logs of builds to finger (Zuul: zuul-fingergw):
//
//	$ finger gate-web-8-1a2b3c4d-1-unit-9f0e@gozer.example.com
//	$ finger acme/gate-web-8@gozer.example.com
//
// A line comes, the name of a build, of which the beginning is enough as long as
// Kubernetes has it; the log goes, as it is written, until it ends. Whatever
// else is asked is answered with a line that says why not.
//
// The protocol knows no credentials and no encryption: whoever reaches the port
// reads the logs of all tenants, as with package web. It keeps nothing, and has
// no more rights than to ask the manager.
package finger
