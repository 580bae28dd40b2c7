package repostate

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/model"
)

var api = model.Project{Connection: "gitea", Hostname: "git.example", Name: "acme/api"}

func id(n int) string { return fmt.Sprintf("%040x", n) }

func TestNew(t *testing.T) {
	s := New(api, "main", []Ref{
		{"refs/tags/v1", id(3), id(2)}, {"refs/heads/main", id(1), ""}, {"refs/pull/1/head", id(4), ""}, {"refs/heads/main", id(1), ""},
		{"refs/heads/-x", id(5), ""}, {"refs/heads/a..b", id(5), ""}, {"refs/heads/short", "abc", ""}, {"refs/tags/odd", id(6), "abc"}, {"refs/heads/stable/1", id(7), ""},
	})
	want := id(1) + " refs/heads/main\n" + id(7) + " refs/heads/stable/1\n" + id(3) + " refs/tags/v1\n^" + id(2) + "\n"
	if got := s.Refs.Text(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if b, tags := s.Count(); b != 2 || tags != 1 || s.Truncated {
		t.Errorf("%d branches, %d tags, truncated %v", b, tags, s.Truncated)
	}
	if s.Head("main") != id(1) || s.Head("v1") != "" || s.Tag("v1") != id(2) || s.Tag("main") != "" {
		t.Error("refs are not found")
	}
}

// TestTruncate: branches stay, and the tags that sort last.
func TestTruncate(t *testing.T) {
	for name, c := range map[string]struct {
		heads, tags, wantHeads, wantTags int
		first                            string
	}{
		"tags go first": {10, MaxRefs, 10, MaxRefs - 10, "refs/tags/t000010"},
		"then branches": {MaxRefs + 5, 3, MaxRefs, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var refs []Ref
			for n := range c.heads {
				refs = append(refs, Ref{Name: fmt.Sprintf("refs/heads/h%06d", n), Object: id(n + 1)})
			}
			for n := range c.tags {
				refs = append(refs, Ref{Name: fmt.Sprintf("refs/tags/t%06d", n), Object: id(n + 1)})
			}
			s := New(api, "main", refs)
			if heads, tags := s.Count(); heads != c.wantHeads || tags != c.wantTags || !s.Truncated {
				t.Errorf("%d branches, %d tags, truncated %v", heads, tags, s.Truncated)
			}
			if c.first != "" && s.Refs[c.wantHeads].Name != c.first {
				t.Errorf("the first tag is %s", s.Refs[c.wantHeads].Name)
			}
		})
	}
}

// TestTruncateLongNames: what cannot be packed is cut until it can.
func TestTruncateLongNames(t *testing.T) {
	var refs []Ref
	for n := range 14_000 {
		d := func(part string) string { return State{Default: fmt.Sprint(n, part)}.Digest() }
		refs = append(refs, Ref{Name: "refs/tags/" + d("a") + "/" + d("b") + "/" + d("c"), Object: d("d")})
	}
	s := New(api, "main", refs)
	if _, err := s.Refs.Pack(); err != nil || !s.Truncated || len(s.Refs) < 10_000 {
		t.Errorf("%d are left: %v", len(s.Refs), err)
	}
}

// TestKept: what is written down is what is read, as text, as JSON and packed.
func TestKept(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := New(api, "main", randomRefs(rt))
		packed, err := s.Refs.Pack()
		if err != nil {
			rt.Fatal(err)
		}
		if got, err := Unpack(packed); err != nil || !cmp.Equal(s.Refs, got) {
			rt.Errorf("packed: %v: %s", err, cmp.Diff(s.Refs, got))
		}
		raw, err := json.Marshal(s)
		if err != nil {
			rt.Fatal(err)
		}
		var got State
		if err := json.Unmarshal(raw, &got); err != nil || got.Digest() != s.Digest() {
			rt.Errorf("as JSON: %v\n%s", err, raw)
		}
	})
}

func randomRefs(rt *rapid.T) []Ref {
	var refs []Ref
	for range rapid.IntRange(0, 20).Draw(rt, "refs") {
		r := Ref{Name: rapid.SampledFrom([]string{"refs/heads/", "refs/tags/"}).Draw(rt, "kind") + rapid.StringMatching(`[a-zäé]{1,8}(/[a-z0-9]{1,3})?`).Draw(rt, "name"),
			Object: rapid.StringMatching(`[0-9a-f]{40}`).Draw(rt, "object")}
		if strings.HasPrefix(r.Name, tagPrefix) && rapid.Bool().Draw(rt, "annotated") {
			r.Peeled = rapid.StringMatching(`[0-9a-f]{40}`).Draw(rt, "peeled")
		}
		refs = append(refs, r)
	}
	return refs
}

func TestDigest(t *testing.T) {
	base := New(api, "main", []Ref{{"refs/heads/main", id(1), ""}, {"refs/tags/v1", id(2), id(3)}})
	seen := map[string]string{base.Digest(): "base"}
	for name, s := range map[string]State{
		"moved":     New(api, "main", []Ref{{"refs/heads/main", id(9), ""}, {"refs/tags/v1", id(2), id(3)}}),
		"peeled":    New(api, "main", []Ref{{"refs/heads/main", id(1), ""}, {"refs/tags/v1", id(2), id(4)}}),
		"default":   New(api, "dev", base.Refs),
		"project":   New(model.Project{Connection: "gitea", Hostname: "git.example", Name: "acme/web"}, "main", base.Refs),
		"truncated": {Project: api, Default: "main", Refs: base.Refs, Truncated: true},
	} {
		if was := seen[s.Digest()]; was != "" {
			t.Errorf("%s has the digest of %s", name, was)
		}
		seen[s.Digest()] = name
	}
	if again := New(api, "main", []Ref{base.Refs[1], base.Refs[0]}); again.Digest() != base.Digest() {
		t.Error("the order in which refs are given matters")
	}
}

func TestParseRefsRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no name":        id(1) + "\n",
		"another ref":    id(1) + " refs/pull/1/head\n",
		"an odd name":    id(1) + " refs/heads/../x\n",
		"a short id":     "abc refs/heads/main\n",
		"not sorted":     id(1) + " refs/heads/b\n" + id(1) + " refs/heads/a\n",
		"twice":          id(1) + " refs/heads/a\n" + id(1) + " refs/heads/a\n",
		"peeled nothing": "^" + id(1) + "\n",
		"peeled odd":     id(1) + " refs/tags/a\n^x\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseRefs(text); err == nil {
				t.Errorf("got %v", got)
			}
		})
	}
	if _, err := Unpack([]byte("no gzip")); err == nil {
		t.Error("unpacked")
	}
}

// BenchmarkPack shows how large the largest state is that can be kept.
func BenchmarkPack(b *testing.B) {
	var refs []Ref
	for n := range MaxRefs {
		refs = append(refs, Ref{Name: fmt.Sprintf("refs/tags/v%d.%d.%d-rc.%d", n/1000, n/100%10, n/10%10, n%10), Object: State{Default: fmt.Sprint(n)}.Digest()})
	}
	s := New(api, "main", refs)
	for b.Loop() {
		packed, err := s.Refs.Pack()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(packed))/MaxRefs, "B/ref")
	}
}

func TestCheckout(t *testing.T) {
	s := New(api, "main", []Ref{{"refs/heads/main", id(1), ""}, {"refs/heads/stable/1", id(2), ""}, {"refs/heads/old", id(4), ""}, {"refs/tags/v1", id(3), id(2)}, {"refs/tags/old", id(5), ""}})
	for name, c := range map[string]struct {
		wish Wish
		want string
	}{
		"branch of the item":         {Wish{Branch: "stable/1", Ref: "refs/pull/1/head"}, "refs/heads/stable/1"},
		"no such branch":             {Wish{Branch: "stable/2"}, "refs/heads/main"},
		"default of configuration":   {Wish{Branch: "stable/2", Default: "old"}, "refs/heads/old"},
		"no such default":            {Wish{Default: "master"}, "refs/heads/main"},
		"a tag":                      {Wish{Ref: "refs/tags/v1"}, "refs/tags/v1"},
		"a tag of another":           {Wish{Ref: "refs/tags/v9"}, "refs/heads/main"},
		"overridden with branch":     {Wish{Override: []string{"", "stable/1"}, Branch: "main"}, "refs/heads/stable/1"},
		"overridden with tag":        {Wish{Override: []string{"v1"}, Branch: "main"}, "refs/tags/v1"},
		"branch before tag":          {Wish{Override: []string{"old"}}, "refs/heads/old"},
		"overridden with nothing":    {Wish{Override: []string{"v9"}, Branch: "stable/1"}, "refs/heads/stable/1"},
		"the project before the job": {Wish{Override: []string{"v1", "stable/1"}}, "refs/tags/v1"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := s.Checkout(c.wish); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	lost := s.Without([]string{id(2), id(5)})
	if d := cmp.Diff([]string{"refs/heads/stable/1", "refs/tags/old"}, lost.Lost); d != "" || len(lost.Refs) != 3 || len(s.Refs) != 5 {
		t.Errorf("without two: %s", d)
	}
	if got := lost.Checkout(Wish{Branch: "stable/1"}); got != "refs/heads/stable/1" || lost.Head("stable/1") != "" {
		t.Errorf("what is lost is passed over: %q", got)
	}
	if got := (State{Refs: Refs{{"refs/heads/a", id(1), ""}}}).Checkout(Wish{Branch: "main"}); got != "refs/heads/a" {
		t.Errorf("without a default branch: %q", got)
	}
	if got := (State{}).Checkout(Wish{Branch: "main"}); got != "" {
		t.Errorf("empty: %q", got)
	}
}
