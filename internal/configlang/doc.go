// Package configlang reads Zuul's configuration language: YAML files of jobs,
// projects, pipelines and their kin become values that know where they stand.
//
// It decides what a file says, not what that means together with other files:
// references, trust and inheritance are layout's and jobgraph's. Parsing is a
// function of the file alone, so a file is parsed once per content.
//
// Files come from strangers. Size, depth and the number of nodes that aliases
// expand to are bounded; a broken object is left out with an error that names
// file, line and column, and everything else in the file is read.
package configlang
