package secretcrypt

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecryptSecretData(t *testing.T) {
	priv := testKey(t)
	encrypted := func(text string) Encrypted {
		t.Helper()
		chunks, err := Encrypt(&priv.PublicKey, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return Encrypted{Chunks: chunks}
	}
	password := encrypted("hunter2")
	for name, tc := range map[string]struct {
		data, want any
		err        error
		message    string
	}{
		"plain":     {data: map[string]any{"user": "alice", "port": 22, "on": true, "none": nil}, want: map[string]any{"user": "alice", "port": 22, "on": true, "none": nil}},
		"encrypted": {data: map[string]any{"user": "alice", "password": password}, want: map[string]any{"user": "alice", "password": "hunter2"}},
		"nested": {
			data: map[string]any{"d": map[string]any{"p": password, "l": []any{"one", password, map[string]any{"q": password}}}},
			want: map[string]any{"d": map[string]any{"p": "hunter2", "l": []any{"one", "hunter2", map[string]any{"q": "hunter2"}}}},
		},
		"a value alone": {data: password, want: "hunter2"},
		"no data":       {data: nil, want: nil},
		"empty":         {data: map[string]any{}, want: map[string]any{}},
		"empty text":    {data: encrypted(""), want: ""},
		"long":          {data: encrypted(string(file(t, "plain.txt"))), want: string(file(t, "plain.txt"))},

		"wrong field": {data: map[string]any{"a": password, "b": []any{1, map[string]any{"c": Encrypted{Chunks: []string{"hunter2!"}}}}},
			err: ErrNotBase64, message: "data.b[1].c: chunk 1 of 1 " + ErrNotBase64.Error()},
		"the first of two": {data: map[string]any{"z": Encrypted{}, "a": Encrypted{}, "m": Encrypted{}}, err: ErrNoChunks, message: "data.a: " + ErrNoChunks.Error()},
		"no text":          {data: map[string]any{"key": encrypted("\xff\xfe")}, err: ErrNotText, message: "data.key: " + ErrNotText.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := DecryptSecretData(priv, tc.data)
			if !errors.Is(err, tc.err) || err != nil && err.Error() != tc.message {
				t.Fatalf("%v, want %q", err, tc.message)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is decrypted is a copy: the parsed file may be used by others.
func TestDecryptSecretDataLeavesItsInput(t *testing.T) {
	priv := testKey(t)
	chunks, err := Encrypt(&priv.PublicKey, []byte("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	secret := func() any {
		return map[string]any{"l": []any{Encrypted{Chunks: chunks}}, "m": map[string]any{"p": Encrypted{Chunks: chunks}}}
	}
	data := secret()
	if _, err := DecryptSecretData(priv, data); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(secret(), data); diff != "" {
		t.Error(diff)
	}
}
