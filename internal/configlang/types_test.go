package configlang_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// kindsOfValues are one value of each kind that YAML has, and some of lists and mappings.
var kindsOfValues = []string{
	"text", `""`, "5", "-5", "1.5", "true", "~", "2001-01-01", "[]", "[text]", `[""]`, "[5]", "[~]", "[[text]]", "[{a: b}]", "{}", "{a: b}", "{a: {b: c}}",
	"!override [text]", "!encrypted/pkcs1-oaep dGV4dA==",
}

// objectsWithAttributes are places where attributes stand, and the attributes, by FEATURES 2.2 to 2.7 and 4.
var objectsWithAttributes = []struct{ what, place, attributes string }{
	{"job", "- job: {name: x, %s}", "parent description variant-description abstract protected final intermediate attribute-control voting " +
		"success-message failure-message success-url failure-url hold-following-changes branches files irrelevant-files match-on-config-updates " +
		"tags provides requires dependencies semaphore semaphores secrets nodeset timeout post-timeout attempts pre-run run post-run cleanup-run " +
		"ansible-version ansible-split-streams roles required-projects override-checkout override-branch vars extra-vars host-vars group-vars " +
		"include-vars allowed-projects post-review deduplicate failure-output workspace-scheme workspace-checkout image-build-name"},
	{"job", "- job: {%s}", "name"},
	{"playbook", "- job: {name: x, post-run: [{name: x, %s}]}", "semaphores cleanup"},
	{"secret of a job", "- job: {name: x, secrets: [{name: x, secret: x, %s}]}", "pass-to-parent"},
	{"semaphore of a job", "- job: {name: x, semaphores: [{name: x, %s}]}", "resources-first"},
	{"dependency", "- job: {name: x, dependencies: [{name: x, %s}]}", "soft"},
	{"required project", "- job: {name: x, required-projects: [{name: x, %s}]}", "override-checkout override-branch"},
	{"role", "- job: {name: x, roles: [{zuul: x, %s}]}", "name"},
	{"include-vars", "- job: {name: x, include-vars: [{name: x, %s}]}", "project zuul-project use-ref required"},
	{"matcher", "- job: {name: x, branches: [{regex: x, %s}]}", "negate"},
	{"matcher", "- job: {name: x, files: [{%s}]}", "regex"},
	{"variant", "- project: {check: {jobs: [x: {%s}]}}", "parent voting name"},
	{"project", "- project: {%s}", "name description branches vars templates merge-mode default-branch queue check"},
	{"pipeline of a project", "- project: {check: {%s}}", "jobs debug fail-fast"},
	{"project-template", "- project-template: {name: x, %s}", "description queue vars check templates merge-mode default-branch branches"},
	{"nodeset", "- nodeset: {name: x, %s}", "nodes alternatives"},
	{"nodeset", "- nodeset: {name: x, nodes: [], %s}", "groups"},
	{"node", "- nodeset: {name: x, nodes: [{name: x, %s}]}", "label"},
	{"node", "- nodeset: {name: x, nodes: [{label: x, %s}]}", "name"},
	{"group", "- nodeset: {name: x, nodes: [{name: text, label: x}], groups: [{name: x, %s}]}", "nodes"},
	{"secret", "- secret: {name: x, %s}", "data"},
	{"semaphore", "- semaphore: {name: x, %s}", "max"},
	{"queue", "- queue: {name: x, %s}", "per-branch allow-circular-dependencies"},
	{"queue", "- queue: {name: x, allow-circular-dependencies: true, %s}", "dependencies-by-topic"},
	{"pragma", "- pragma: {%s}", "implied-branch-matchers implied-branches"},
	{"image", "- image: {name: x, type: zuul, %s}", "description"},
	{"image", "- image: {name: x, %s}", "type"},
	{"flavor", "- flavor: {name: x, %s}", "description"},
	{"label", "- label: {name: x, image: x, flavor: x, %s}", "description min-ready max-ready-age"},
	{"section", "- section: {name: x, %s}", "parent abstract connection description images flavors labels driver-key"},
	{"provider", "- provider: {name: x, section: x, %s}", "images labels driver-key flavor"},
	{"pipeline", "- pipeline: {name: x, manager: independent, %s}", "description trigger require reject allow-other-connections precedence supercedes post-review " +
		"dequeue-on-new-patchset ignore-dependencies disable-after-consecutive-failures window window-floor window-ceiling window-increase-type " +
		"window-increase-factor window-decrease-type window-decrease-factor success-message failure-message start-message merge-conflict-message " +
		"enqueue-message no-jobs-message footer-message dequeue-message enqueue start success failure merge-conflict config-error no-jobs disabled dequeue"},
	{"pipeline", "- pipeline: {name: x, %s}", "manager"},
	{"github trigger", "- pipeline: {name: x, manager: serial, trigger: {github: {event: push, %s}}}",
		"action branch ref comment label unlabel state require-status require reject status check"},
	{"github require", "- pipeline: {name: x, manager: serial, require: {github: {%s}}}", "status review open merged current-patchset draft label"},
	{"github reject", "- pipeline: {name: x, manager: serial, reject: {github: {%s}}}", "status review open merged current-patchset draft label"},
	{"github reporter", "- pipeline: {name: x, manager: serial, success: {github: {%s}}}", "status status-url comment merge label unlabel review review-body check"},
	{"gitea trigger", "- pipeline: {name: x, manager: serial, trigger: {gitea: {event: push, %s}}}", "action branch comment state label ref"},
	{"gitea reporter", "- pipeline: {name: x, manager: serial, success: {gitea: {%s}}}", "status comment merge"},
	{"gerrit trigger", "- pipeline: {name: x, manager: serial, trigger: {gerrit: {event: comment-added, %s}}}", "uuid scheme comment_filter comment email_filter " +
		"email username_filter username branch ref ignore-deletes approval approval-change require-approval reject-approval added removed require reject"},
	{"gerrit require", "- pipeline: {name: x, manager: serial, require: {gerrit: {%s}}}", "approval open current-patchset wip hashtags status"},
	{"gerrit reporter", "- pipeline: {name: x, manager: serial, success: {gerrit: {%s}}}", "Verified"},
	{"gitlab trigger", "- pipeline: {name: x, manager: serial, trigger: {gitlab: {event: gl_push, %s}}}", "action comment ref labels unlabels"},
	{"gitlab require", "- pipeline: {name: x, manager: serial, require: {gitlab: {%s}}}", "open merged approved labels"},
	{"gitlab reporter", "- pipeline: {name: x, manager: serial, success: {gitlab: {%s}}}", "comment approval merge label unlabel"},
	{"pagure trigger", "- pipeline: {name: x, manager: serial, trigger: {pagure: {event: pg_push, %s}}}", "action ref comment status tag"},
	{"pagure require", "- pipeline: {name: x, manager: serial, require: {pagure: {%s}}}", "score open merged status tags"},
	{"pagure reporter", "- pipeline: {name: x, manager: serial, success: {pagure: {%s}}}", "status status-url comment merge"},
	{"git trigger", "- pipeline: {name: x, manager: serial, trigger: {git: {event: ref-updated, %s}}}", "ref ignore-deletes"},
	{"timer trigger", "- pipeline: {name: x, manager: serial, trigger: {timer: {%s}}}", "time"},
	{"timer trigger", "- pipeline: {name: x, manager: serial, trigger: {timer: {time: 0 0 * * *, %s}}}", "dereference debug"},
	{"zuul trigger", "- pipeline: {name: x, manager: serial, trigger: {zuul: {event: project-change-merged, %s}}}", "pipeline"},
	{"zuul reporter", "- pipeline: {name: x, manager: serial, success: {zuul: {%s}}}", "image-built image-validated"},
	{"smtp reporter", "- pipeline: {name: x, manager: serial, success: {smtp: {%s}}}", "to from subject"},
	{"mqtt reporter", "- pipeline: {name: x, manager: serial, success: {mqtt: {topic: x, %s}}}", "qos include-returned-data"},
	{"elasticsearch reporter", "- pipeline: {name: x, manager: serial, success: {elasticsearch: {%s}}}", "index index-vars index-returned-vars"},
}

// TestTypes tries every attribute with values of every kind; testdata/types.golden
// has those that are accepted.
func TestTypes(t *testing.T) {
	const file = "testdata/types.golden"
	var b strings.Builder
	for _, o := range objectsWithAttributes {
		for attr := range strings.FieldsSeq(o.attributes) {
			accepted := "  none of these"
			for _, v := range kindsOfValues {
				if acceptable(fmt.Sprintf(o.place, attr+": "+v)) {
					accepted = strings.TrimSuffix(accepted, "  none of these") + "  " + v
				}
			}
			fmt.Fprintf(&b, "%s, %s:%s\n", o.what, attr, accepted)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("other values are accepted (-want +got); -update accepts it:\n%s", diff)
	}
}

func acceptable(content string) bool {
	f := configlang.Parse(content)
	problems := f.Problems
	for _, pl := range f.Pipelines {
		_, more, _ := pl.Bind(everyConnection())
		problems = append(problems, more...)
	}
	return !hasError(problems)
}
