// Package kube says which programs make the one-node Kubernetes of a local
// cluster, with which arguments, configuration files and certificates. It does
// not run them: package supervise does.
package kube
