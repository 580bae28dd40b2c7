package mergeplan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/model"
)

var (
	api  = model.Project{Connection: "forge", Hostname: "forge.example", Name: "acme/api"}
	web  = model.Project{Connection: "forge", Hostname: "forge.example", Name: "acme/web"}
	noon = time.Unix(1_700_000_000, 0)
)

// sha makes a commit id of one digit.
func sha(digit string) string { return strings.Repeat(digit, 40) }

func step(p model.Project, number int64, head string) Step {
	return Step{
		Change: model.Change{Project: p, Number: number, Branch: "main", Head: head, Ref: "refs/pull/1/head", Title: "Fix it"},
		Mode:   ModeMerge, Time: noon,
	}
}

func TestValidate(t *testing.T) {
	base := Base{Project: api, Branch: "main", Commit: sha("a")}
	with := func(change func(*Step)) Request {
		s := step(api, 1, sha("b"))
		change(&s)
		return Request{Bases: []Base{base}, Steps: []Step{s}}
	}
	for name, tc := range map[string]struct {
		req  Request
		want string // part of the error
	}{
		"good":                   {with(func(*Step) {}), ""},
		"nothing to do":          {Request{}, ""},
		"the same base twice":    {Request{Bases: []Base{base, base}}, ""},
		"no head":                {with(func(s *Step) { s.Change.Head = "" }), "no head commit"},
		"short head":             {with(func(s *Step) { s.Change.Head = "abc" }), "not a full commit id"},
		"head like an option":    {with(func(s *Step) { s.Change.Head = "--upload-pack=touch /tmp/x" }), "not a full commit id"},
		"no number":              {with(func(s *Step) { s.Change.Number = 0 }), "no number"},
		"no time":                {with(func(s *Step) { s.Time = time.Time{} }), "no time"},
		"before the epoch":       {with(func(s *Step) { s.Time = time.Unix(-1, 0) }), "before 1970"},
		"strange mode":           {with(func(s *Step) { s.Mode = "octopus" }), "use one of merge,"},
		"ref outside refs/":      {with(func(s *Step) { s.Change.Ref = "HEAD" }), "does not start with refs/"},
		"ref with a refspec":     {with(func(s *Step) { s.Change.Ref = "refs/pull/1:refs/heads/main" }), "contains a blank"},
		"branch like an option":  {with(func(s *Step) { s.Change.Branch = "-x" }), "dot or a dash"},
		"branch with two dots":   {with(func(s *Step) { s.Change.Branch = "a..b" }), ".."},
		"branch with a newline":  {with(func(s *Step) { s.Change.Branch = "a\nb" }), "control"},
		"branch with NUL":        {with(func(s *Step) { s.Change.Branch = "a\x00b" }), "control"},
		"branch is HEAD":         {with(func(s *Step) { s.Change.Branch = "HEAD" }), "not a branch"},
		"branch with refs/heads": {with(func(s *Step) { s.Change.Branch = "refs/heads/main" }), "leave out refs/heads/"},
		"branch that is a lock":  {with(func(s *Step) { s.Change.Branch = "a.lock/b" }), ".lock"},
		"branch much too long":   {with(func(s *Step) { s.Change.Branch = strings.Repeat("x", 300) }), "longer than"},
		"branch not UTF-8":       {with(func(s *Step) { s.Change.Branch = "a\xff" }), "UTF-8"},
		"branch with empty part": {with(func(s *Step) { s.Change.Branch = "a//b" }), "empty part"},
		"a change twice":         {Request{Steps: []Step{step(api, 1, sha("b")), step(api, 1, sha("c"))}}, "already step 0"},
		"two frozen heads":       {Request{Bases: []Base{base, {Project: api, Branch: "main", Commit: sha("b")}}}, "freeze it once"},
		"base without commit":    {Request{Bases: []Base{{Project: api, Branch: "main"}}}, "not a full commit id"},
		"extra without branch":   {Request{Extra: []model.BranchRef{{Project: api}}}, "empty"},
		"too many":               {Request{Steps: make([]Step, maxParts+1)}, "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Validate(tc.req)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestChainsGroupByBranch(t *testing.T) {
	req := Request{
		Bases: []Base{{Project: api, Branch: "main", Commit: sha("a")}},
		Steps: []Step{step(api, 1, sha("1")), step(web, 2, sha("2")), step(api, 3, sha("3"))},
		Extra: []model.BranchRef{{Project: web, Branch: "stable"}, {Project: api, Branch: "main"}},
	}
	type shape struct {
		Project, Branch, Base string
		Steps                 []int
	}
	var got []shape
	for _, c := range Chains(req) {
		s := shape{Project: c.Project.Name, Branch: c.Branch, Base: c.Base}
		for _, l := range c.Links {
			s.Steps = append(s.Steps, l.Step)
		}
		got = append(got, s)
	}
	want := []shape{
		{"acme/api", "main", sha("a"), []int{0, 2}},
		{"acme/web", "main", "", []int{1}},
		{"acme/web", "stable", "", nil},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// digests of the api's chain.
func digests(req Request) []string {
	var out []string
	for _, l := range Chains(req)[0].Links {
		out = append(out, l.Digest)
	}
	return out
}

func TestDigestCoversWhatGoesIntoTheCommits(t *testing.T) {
	digest := func(change func(*Request)) string {
		req := Request{
			Bases: []Base{{Project: api, Branch: "main", Commit: sha("a")}},
			Steps: []Step{step(api, 1, sha("1")), step(api, 2, sha("2"))},
		}
		change(&req)
		return digests(req)[1]
	}
	plain := digest(func(*Request) {})
	for name, tc := range map[string]struct {
		change func(*Request)
		same   bool
	}{
		"nothing":          {func(*Request) {}, true},
		"author of change": {func(r *Request) { r.Steps[1].Change.Author = "eve" }, true},
		"extra branch":     {func(r *Request) { r.Extra = []model.BranchRef{{Project: web, Branch: "main"}} }, true},
		"base":             {func(r *Request) { r.Bases[0].Commit = sha("b") }, false},
		"head":             {func(r *Request) { r.Steps[1].Change.Head = sha("3") }, false},
		"head ahead":       {func(r *Request) { r.Steps[0].Change.Head = sha("3") }, false},
		"mode":             {func(r *Request) { r.Steps[1].Mode = ModeSquash }, false},
		"time":             {func(r *Request) { r.Steps[1].Time = noon.Add(time.Second) }, false},
		"title":            {func(r *Request) { r.Steps[1].Change.Title = "Break it" }, false},
		"order":            {func(r *Request) { r.Steps[0], r.Steps[1] = r.Steps[1], r.Steps[0] }, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := digest(tc.change) == plain; got != tc.same {
				t.Errorf("same digest = %v, want %v", got, tc.same)
			}
		})
	}
}

// A queue's prefix keeps its digests whatever is behind, and what is behind a
// removed step gets new ones: the queue is re-merged from there and only there.
func TestDigestsOfAPrefixStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		out := rapid.IntRange(0, n-1).Draw(t, "out")
		req := Request{Bases: []Base{{Project: api, Branch: "main", Commit: sha("a")}}}
		for i := range n {
			req.Steps = append(req.Steps, step(api, int64(i+1), sha(string("0123456789ab"[i]))))
		}
		all := digests(req)
		rest := req
		rest.Steps = append(append([]Step{}, req.Steps[:out]...), req.Steps[out+1:]...)
		got := digests(rest)
		for i := range got {
			if (got[i] == all[i]) != (i < out) {
				t.Fatalf("took %d of %d out: digest %d same = %v", out, n, i, got[i] == all[i])
			}
			if i >= out && got[i] == all[i+1] {
				t.Fatalf("digest of step %d does not depend on the one taken out", i+1)
			}
		}
	})
}

func TestMessage(t *testing.T) {
	for name, tc := range map[string]struct {
		title string
		mode  Mode
		want  string
	}{
		"merge":           {"Fix it", ModeMerge, "Merge change 7 into main\n\nFix it\n"},
		"squash":          {"Fix it", ModeSquash, "Squash change 7 into main\n\nFix it\n"},
		"no title":        {"", ModeMerge, "Merge change 7 into main\n"},
		"hostile title":   {"a\x00b\nSigned-off-by: root\r\n\x1b[31m", ModeMerge, "Merge change 7 into main\n\na b Signed-off-by: root [31m\n"},
		"title not UTF-8": {"caf\xe9", ModeMerge, "Merge change 7 into main\n\ncaf\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Step{Change: model.Change{Number: 7, Branch: "main", Title: tc.title}, Mode: tc.mode}
			if d := cmp.Diff(tc.want, Message(s)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMessageOfALongTitleIsBounded(t *testing.T) {
	s := step(api, 1, sha("1"))
	s.Change.Title = strings.Repeat("ä", 10_000)
	if n := len(Message(s)); n > maxTitleBytes+100 {
		t.Errorf("message has %d bytes", n)
	}
}

func TestBlame(t *testing.T) {
	links := []Link{{Step: 0}, {Step: 2}, {Step: 5}}
	touched := [][]string{{"a", "b"}, {"c"}, {"b", "d"}}
	for name, tc := range map[string]struct {
		files []string
		want  []int
	}{
		"one":                       {[]string{"c"}, []int{2}},
		"two touched the same file": {[]string{"b"}, []int{0, 5}},
		"by a rename: all":          {[]string{"new"}, []int{0, 2, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, Blame(links, touched, tc.files)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	steps := []Step{step(api, 1, sha("1")), step(api, 2, sha("2"))}
	for name, tc := range map[string]struct {
		conflict Conflict
		details  string
		want     string
	}{
		"with the branch": {
			Conflict{Step: 1, Files: []string{"a", "b"}}, "",
			"Change 2 of acme/api cannot be merged into main as the branch is now. Rebase it on main and push again. Conflicts: a, b.",
		},
		"with a change": {
			Conflict{Step: 1, Files: []string{"a"}, With: []int{0}}, "CONFLICT (content): a\n",
			"Change 2 of acme/api cannot be merged into main after change 1, ahead of it in the queue. Wait for that to merge, then rebase. Conflicts: a.\n\nCONFLICT (content): a",
		},
		"many files": {
			Conflict{Step: 0, Files: strings.Split("a b c d e f g h i j k l", " ")}, "",
			"Change 1 of acme/api cannot be merged into main as the branch is now. Rebase it on main and push again. Conflicts: a, b, c, d, e, f, g, h, i, j and 2 more.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, Explain(steps, tc.conflict, tc.details)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestHeadBranch(t *testing.T) {
	for name, tc := range map[string]struct {
		chains []Chain
		want   string
	}{
		"the last step's":   {[]Chain{{Branch: "a", Links: []Link{{Step: 0}}}, {Branch: "b", Links: []Link{{Step: 1}}}, {Branch: "c"}}, "b"},
		"no steps: a first": {[]Chain{{Branch: "a"}, {Branch: "b"}}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := HeadBranch(tc.chains); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
