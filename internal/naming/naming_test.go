package naming

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/model"
)

var valid = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func TestNamesAreValidAndDistinct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		c := model.Change{Project: model.Project{Hostname: text.Draw(t, "host"), Name: text.Draw(t, "project")},
			Number: rapid.Int64Min(1).Draw(t, "number"), Patchset: text.Draw(t, "patchset")}
		pipeline, event := text.Draw(t, "pipeline"), text.Draw(t, "event")
		item := Item(pipeline, c, event)
		build := Build(BuildSet(item, 999), text.Draw(t, "job"), text.Draw(t, "content"))
		tick := time.Unix(rapid.Int64Range(0, 1e10).Draw(t, "tick"), 0)
		ticks := []string{Tick("acme", pipeline, c.Project, "main", tick), Tick("acme", pipeline, c.Project, "main", tick.Add(time.Second)),
			Tick("acme", pipeline, c.Project, "mai", tick), Tick("other", pipeline, c.Project, "main", tick), Tick("acme", pipeline+"x", c.Project, "main", tick)}
		if ticks[0] != Tick("acme", pipeline, c.Project, "main", tick.UTC()) || len(slices.Compact(slices.Sorted(slices.Values(ticks)))) != len(ticks) {
			t.Fatalf("one tick has two names, or two have one: %v", ticks)
		}
		for _, name := range []string{ticks[0], item, SharedQueue(pipeline, text.Draw(t, "queue")), build, NodeRequest(build, 9), Semaphore(text.Draw(t, "semaphore")), Label(text.Draw(t, "label"))} {
			if !valid.MatchString(name) {
				t.Fatalf("%q is not a name and a label", name)
			}
		}
		other := c
		other.Patchset += "x"
		if Item(pipeline, other, event) == item || Item(pipeline, c, event+"x") == item || Item(pipeline+"x", c, event) == item {
			t.Fatalf("two items share the name %s", item)
		}
	})
}

func TestNamesAreRecognisable(t *testing.T) {
	c := model.Change{Project: model.Project{Hostname: "git", Name: "acme/API"}, Number: 12, Patchset: "3f2c"}
	if got := Item("gate", c, "ev"); !regexp.MustCompile(`^gate-api-12-[0-9a-f]{8}$`).MatchString(got) {
		t.Error(got)
	}
}

// TestSemaphoreNames: what can be a name stays one.
func TestSemaphoreNames(t *testing.T) {
	for name, want := range map[string]string{"deploy": `^deploy$`, "deploy-to-a-target-with-a-rather-long-name": `^deploy-to-a-target-with-a-rather-long-name$`,
		"Deploy/EU": `^deploy-eu-[0-9a-f]{8}$`, "deploy_eu": `^deploy-eu-[0-9a-f]{8}$`} {
		if got := Semaphore(name); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s is called %s, want %s", name, got, want)
		}
	}
	if Semaphore("Deploy/EU") == Semaphore("deploy_eu") {
		t.Error("two semaphores have one name")
	}
}
