package ansible

import (
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// FreezePlaybook reaches every host and writes what its variables evaluate to
// into directory/<n>.json: n counts the hosts, and then localhost.
func FreezePlaybook(hosts []Host, vars map[string]Vars, directory string) ([]byte, error) {
	var plays []any
	if len(hosts) > 0 {
		plays = append(plays, map[string]any{
			"name": "setup", "hosts": "all", "gather_facts": false,
			"tasks": []any{map[string]any{"name": "setup", "setup": map[string]any{"gather_subset": "!all"}}},
		})
	}
	for n, h := range append(slices.Clone(hosts), Host{Name: Localhost}) {
		names := []any{}
		for _, name := range slices.Sorted(maps.Keys(vars[h.Name])) {
			names = append(names, name)
		}
		plays = append(plays, map[string]any{
			"name": "freeze", "hosts": h.Name, "gather_facts": false,
			"tasks": []any{map[string]any{"name": "freeze", "gozer_freeze": map[string]any{"names": names, "directory": directory, "host": n}}},
		})
	}
	content, err := nodeOf(plays, false)
	if err != nil {
		return nil, err
	}
	return encode(&yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{content}})
}
