// Package cli is what people type: gozerctl, also `kubectl gozer`.
//
// Its commands read custom resources and create or annotate them; they decide
// nothing. What they print is statusview's. A command ends with 0 when it did
// what was asked, 1 when it could not, 2 when it was asked wrongly.
package cli
