package ansible

import (
	"embed"
	"io/fs"
)

//go:embed plugins
var plugins embed.FS

// Plugins are the files that Ansible is to find, one directory a kind.
func Plugins() fs.FS {
	sub, err := fs.Sub(plugins, "plugins")
	if err != nil {
		panic(err) // the name above is valid
	}
	return sub
}
