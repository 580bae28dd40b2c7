// Package nodeview shows people nodes and what waits for them (Nodepool:
// node-list, request-list).
//
// What a node does is read off its Pod and its request whenever somebody looks:
// the label on the Pod has only what is written with what is written anyway.
package nodeview
