// Package localrepo reads configuration from projects on disk, for commands
// that work without a cluster and without code hosts.
//
//	ROOT/acme/api                 a folder, a git checkout, or a bare repository
//	ROOT/acme/api.git             a bare repository
//	ROOT/acme/api@stable+2025.1   a folder: the branch stable/2025.1 of acme/api
//
// The first root that has a project gives it; folders of branches may be in
// any root. A folder stands for the default branch; further branches of a
// checkout, and all branches of a bare repository, come from refs/heads.
//
// What lies there was written by strangers. Nothing outside the project's own
// folder is read: links are not followed at all, nor is a .git that is a file,
// nor are a repository's alternates. What is read has bounds. No git is run.
package localrepo
