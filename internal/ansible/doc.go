// Package ansible is what an executor says to Ansible and hears from it: the
// inventory and its variables, the configuration of one playbook, the plugins
// that are put in, and the events that come back, as lines of a console and as
// job-output.json (Zuul: zuul/ansible, and the inventory of its executor).
//
// It runs nothing. What comes from a playbook, events and results, is from
// strangers: bounded, and never taken for more than text.
package ansible
