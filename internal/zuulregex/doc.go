// Package zuulregex has the regular expressions of Zuul's configuration.
//
// Zuul's own language is RE2, and so is Go's: such an expression is used as it
// is. What RE2 refuses but Python's re accepts still works in Zuul, with a
// warning that it is deprecated; mostly that is a look-ahead, as in
// ^(?!stable/).*$. Those are parsed by Python's rules and translated to RE2
// expressions of which some must match and others must not. Where a translation
// would not be exact, Compile refuses and says what to write instead. Only \b
// and \B stay RE2's: beside them only ASCII letters count, and \B matches in an
// empty text, as it does in newer versions of Python.
//
// Authors of configuration are not trusted: the length of an expression and the
// size of its program have bounds, and matching takes time that is linear in
// the text.
package zuulregex
