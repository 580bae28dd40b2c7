// Package layout says where everything of one local cluster is: its addresses
// and its files. It is pure: it reads and writes nothing.
//
// A cluster takes one eighth of a /16 network, by its index:
//
//	10.213.0.(4i)/30        the wire between the machine (.1) and the node (.2)
//	10.213.(64+8i).0/21     Services
//	10.213.(128+8i).0/21    Pods
//
// so that up to eight clusters run on one machine beside each other.
package layout
