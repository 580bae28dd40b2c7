package secretcrypt

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestFormatYAML(t *testing.T) {
	got := FormatYAML("credentials", "password", []string{strings.Repeat("A", 69) + strings.Repeat("B", 69) + "CC==", "DDDD"})
	want := `- secret:
    name: credentials
    data:
      password: !encrypted/pkcs1-oaep
        - ` + strings.Repeat("A", 69) + `
          ` + strings.Repeat("B", 69) + `
          CC==
        - DDDD
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestYAMLIsReadAgain: by a YAML parser, whatever the names are.
func TestYAMLIsReadAgain(t *testing.T) {
	priv := testKey(t)
	chunks, err := Encrypt(&priv.PublicKey, file(t, "plain.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ secret, field string }{
		"plain":        {"credentials", "pass_word"},
		"placeholders": {"<name>", "<fieldname>"},
		"words":        {"yes", "Null"},
		"numbers":      {"0x1F", "1e3"},
		"merge key":    {"<<", "<<"},
		"empty":        {"", ""},
		"punctuation":  {"a: b #c", "!tag"},
		"quotes":       {`"it's"`, `\back`},
		"lines":        {"two\nlines\t", "\x00\x7f\u2028"},
		"not ASCII":    {"clé", "ключ𝄞"},
		"dots":         {"...", "---"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []struct {
				Secret struct {
					Name string
					Data map[string]yaml.Node
				}
			}
			text := FormatYAML(tc.secret, tc.field, chunks)
			if err := yaml.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if len(got) != 1 || got[0].Secret.Name != tc.secret || len(got[0].Secret.Data) != 1 {
				t.Fatalf("%+v of\n%s", got, text)
			}
			node, ok := got[0].Secret.Data[tc.field]
			if !ok || node.Tag != Tag || node.Kind != yaml.SequenceNode {
				t.Fatalf("%+v of\n%s", node, text)
			}
			var read []string
			for _, n := range node.Content {
				if n.Tag != "!!str" {
					t.Errorf("a chunk is read as %s", n.Tag)
				}
				read = append(read, n.Value)
			}
			if plain, err := Decrypt(priv, read); err != nil || string(plain) != string(file(t, "plain.txt")) {
				t.Errorf("%v", err)
			}
			for _, line := range strings.Split(text, "\n") {
				if len(line) > lineLength {
					t.Errorf("a line of %d characters: %s", len(line), line)
				}
			}
		})
	}
}
