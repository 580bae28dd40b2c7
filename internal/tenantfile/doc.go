// Package tenantfile reads what Zuul's tenant file (main.yaml) says: tenants,
// global semaphores, authorization rules, the API root. It also reads which
// connections there are, from a zuul.conf or a YAML file.
//
// Tenant is the value of a tenant that the rest of the program uses: package
// convert makes the same one of a Tenant custom resource. Everything that is
// inherited or a default is already applied to it:
//
//	group include/exclude -> project include/exclude -> Project.Include
//	always-dynamic-branches, exclude-branches        -> Project.ExcludeBranches
//
// An error has a place, and leaves out the tenant that it is in; the others
// load. What is accepted and has no effect is listed in File.Ignored, so that
// it can be told. The package opens no files and knows no repositories: what
// needs those, such as the projects that shadow names, is for others to check.
package tenantfile
