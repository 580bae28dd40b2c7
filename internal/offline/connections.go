package offline

import (
	"fmt"
	"os"
	"strings"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/tenantfile"
)

// hostnames of drivers that have one of their own.
var hostnames = map[string]string{"github": "github.com", "gitlab": "gitlab.com", "pagure": "pagure.io"}

// connections reads the file of connections. Without one they are guessed: a
// connection is what its name says, and every driver is there under its own name.
func connections(file string, tenants *tenantfile.File) (map[string]layout.Connection, error) {
	out := map[string]layout.Connection{}
	if file == "" {
		for _, driver := range configlang.Drivers() {
			out[driver] = guess(driver)
		}
		for _, t := range tenants.Tenants {
			for _, s := range t.Sources {
				if _, known := out[s.Connection]; !known {
					out[s.Connection] = guess(s.Connection)
				}
			}
		}
		return out, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	list, errs := tenantfile.ParseConnections(content)
	if len(errs) > 0 {
		return nil, fmt.Errorf("%s cannot be used: %w", file, errs[0])
	}
	for _, c := range list {
		out[c.Name] = layout.Connection{Driver: c.Driver, Hostname: c.Hostname}
	}
	return out, nil
}

func guess(name string) layout.Connection {
	c := layout.Connection{Driver: configlang.DriverNamed(name), Hostname: name}
	if c.Driver == configlang.AnyDriver {
		c.Driver = "git"
	}
	if !strings.Contains(name, ".") && hostnames[c.Driver] != "" {
		c.Hostname = hostnames[c.Driver]
	}
	return c
}
