// Package layout puts the files of a tenant's repositories together to the
// configuration in force (Zuul: tenant layout, dynamic layout).
//
// Every project-branch is bound to the tenant once (a chunk): names of projects
// are resolved, implied branch matchers and trust applied. Objects of one kind
// and name, from all chunks in the tenant's order, form an entry; an entry is
// settled by the rules for doubled definitions. Then references are checked.
//
//	files -> chunk -> entries by name -> settled -> references checked
//
// A Layout is never changed. With makes one that differs in a few branches: it
// shares every entry that these do not touch, so a change pays for the names
// that it touches and for what refers to them.
package layout
