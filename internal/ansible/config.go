package ansible

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Config is what ansible.cfg says of one playbook.
type Config struct {
	// Inventory is the file of hosts.
	Inventory string
	// Plugins is where WritePlugins has put them.
	Plugins string
	// Roles are the directories in which roles are looked for, in order.
	Roles []string
	// Facts, Temp and Control are directories of the container that it runs in.
	Facts, Temp, Control string
	// KnownHosts are files with the host keys of nodes.
	KnownHosts []string
	// HideArgs keeps the arguments of tasks out of the output: a playbook has secrets.
	HideArgs bool
}

// File is ansible.cfg. Its settings are those of Zuul's executor, as roles rely on them.
func (c Config) File() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("[defaults]")
	line("inventory = %s", c.Inventory)
	line("local_tmp = %s", c.Temp)
	line("retry_files_enabled = False")
	line("gathering = smart")
	line("fact_caching = jsonfile")
	line("fact_caching_connection = %s", c.Facts)
	line("library = %s", filepath.Join(c.Plugins, "library"))
	line("action_plugins = %s", filepath.Join(c.Plugins, "action"))
	line("callback_plugins = %s", filepath.Join(c.Plugins, "callback"))
	line("filter_plugins = %s", filepath.Join(c.Plugins, "filter"))
	line("stdout_callback = gozer")
	line("nocows = True")
	line("timeout = 30")
	line("interpreter_python = auto_silent")
	line("internal_poll_interval = 0.01")
	line("display_args_to_stdout = %s", map[bool]string{true: "False", false: "True"}[c.HideArgs])
	if len(c.Roles) > 0 {
		line("roles_path = %s", strings.Join(c.Roles, ":"))
	}
	line("[ssh_connection]")
	line("retries = 3")
	// Without a terminal: what asks for a password must not wait for ever.
	line("pipelining = True")
	line("control_path_dir = %s", c.Control)
	line("ssh_args = -o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=60 -o UserKnownHostsFile=%s", quoted(c.KnownHosts))
	return b.String()
}

// quoted is a list of files as one argument of ssh.
func quoted(files []string) string { return `"` + strings.Join(files, " ") + `"` }
