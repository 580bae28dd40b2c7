package token

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTokenOpensOnlyItsSubject(t *testing.T) {
	k := NewKey()
	tok := k.For(Git, "acme/bs-1")
	for name, tc := range map[string]struct {
		key     Key
		purpose Purpose
		subject string
		token   string
		want    bool
	}{
		"its own":            {k, Git, "acme/bs-1", tok, true},
		"another buildset":   {k, Git, "acme/bs-2", tok, false},
		"another purpose":    {k, Log, "acme/bs-1", tok, false},
		"another key":        {NewKey(), Git, "acme/bs-1", tok, false},
		"no token":           {k, Git, "acme/bs-1", "", false},
		"an empty key":       {nil, Git, "acme/bs-1", Key(nil).For(Git, "acme/bs-1"), false},
		"moved the boundary": {k, "gi", "tacme/bs-1", tok, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.key.Valid(tc.purpose, tc.subject, tc.token); got != tc.want {
				t.Errorf("Valid = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestReadKeyRefusesShortKeys(t *testing.T) {
	f := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(f, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKey(f); err == nil {
		t.Error("a 5-byte key was accepted")
	}
	if err := os.WriteFile(f, NewKey(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKey(f); err != nil {
		t.Error(err)
	}
}
