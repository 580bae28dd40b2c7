package secretcrypt

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func testKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	priv, err := ParsePrivateKey(file(t, "private.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return priv
}

// TestOthersAreDecrypted: values that OpenSSL and Python's cryptography made.
func TestOthersAreDecrypted(t *testing.T) {
	priv, want := testKey(t), file(t, "plain.txt")
	for name, chunks := range map[string]func(string) []string{
		"one line":       strings.Fields,
		"folded lines":   func(s string) []string { return reshape(s, 76, "\n  ") },
		"with spaces":    func(s string) []string { return reshape(s, 69, " ") },
		"Windows' lines": func(s string) []string { return reshape(s, 64, "\r\n\t") },
	} {
		for _, by := range []string{"openssl.txt", "cryptography.txt"} {
			t.Run(name+" "+by, func(t *testing.T) {
				got, err := Decrypt(priv, chunks(string(file(t, by))))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// reshape puts white space into every chunk, as YAML leaves it there.
func reshape(text string, width int, space string) []string {
	chunks := strings.Fields(text)
	for i, c := range chunks {
		var b strings.Builder
		for ; len(c) > width; c = c[width:] {
			b.WriteString(c[:width] + space)
		}
		chunks[i] = b.String() + c + "\n"
	}
	return chunks
}

func TestRoundTrip(t *testing.T) {
	priv := testKey(t)
	for name, tc := range map[string]struct {
		text   string
		chunks int
	}{
		"empty":                     {"", 1},
		"short":                     {"hunter2", 1},
		"newline at the end":        {"hunter2\n", 1},
		"one full chunk":            {strings.Repeat("x", 470), 1},
		"one byte more":             {strings.Repeat("x", 471), 2},
		"character over the border": {strings.Repeat("x", 469) + "€" + "y", 2},
		"long characters":           {strings.Repeat("𝄞", 500), 5}, // 117 characters in each
		"no UTF-8":                  {strings.Repeat("\x80", 941), 3},
		"NUL":                       {"\x00", 1},
	} {
		t.Run(name, func(t *testing.T) {
			chunks, err := Encrypt(&priv.PublicKey, []byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			if len(chunks) != tc.chunks {
				t.Errorf("%d chunks, want %d", len(chunks), tc.chunks)
			}
			got, err := Decrypt(priv, chunks)
			if err != nil || string(got) != tc.text {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestCut: pieces give the text again, fit, are not needlessly many, and are
// text each when the whole is.
func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 4000), rapid.Map(rapid.StringN(0, 1000, 4000), func(s string) []byte { return []byte(s) })).Draw(t, "text")
		most := rapid.IntRange(4, 500).Draw(t, "most")
		pieces := cut(text, most)
		for i, p := range pieces {
			last := i == len(pieces)-1
			if len(p) > most || !last && len(p) < most-3 || len(p) == 0 && len(text) > 0 {
				t.Fatalf("piece %d of %d has %d bytes, at most %d are possible", i, len(pieces), len(p), most)
			}
			if utf8.Valid(text) && !utf8.Valid(p) {
				t.Fatalf("piece %d is cut through a character", i)
			}
		}
		if !bytes.Equal(bytes.Join(pieces, nil), text) {
			t.Fatal("the pieces are not the text")
		}
	})
}

func TestEncryptingTwiceDiffers(t *testing.T) {
	pub := &testKey(t).PublicKey
	first, err := Encrypt(pub, []byte("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := Encrypt(pub, []byte("hunter2"))
	if err != nil || first[0] == second[0] {
		t.Errorf("the same text is recognised by its encryption, or %v", err)
	}
}

func TestDecryptErrors(t *testing.T) {
	priv := testKey(t)
	other, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		t.Fatal(err)
	}
	const text = "correct horse battery staple"
	encrypt := func(pub *rsa.PublicKey) string {
		t.Helper()
		chunks, err := Encrypt(pub, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return chunks[0]
	}
	good := encrypt(&priv.PublicKey)
	labelled, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, &priv.PublicKey, []byte(text), []byte("label"))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.StdEncoding.DecodeString(good)
	raw[100] ^= 1
	b64 := base64.StdEncoding.EncodeToString
	for name, tc := range map[string]struct {
		key    *rsa.PrivateKey
		chunks []string
		want   error
		at     string
	}{
		"no chunks":         {priv, nil, ErrNoChunks, ""},
		"no key":            {nil, []string{good}, errNoKey, ""},
		"empty":             {priv, []string{""}, ErrLength, "chunk 1 of 1 "},
		"plain text":        {priv, []string{text}, ErrNotBase64, "chunk 1 of 1 "},
		"cut short":         {priv, []string{good, good[:200]}, ErrLength, "chunk 2 of 2 "},
		"cut badly":         {priv, []string{good[:201]}, ErrNotBase64, "chunk 1 of 1 "},
		"two in one":        {priv, []string{b64(append(raw[:512:512], raw...))}, ErrLength, "chunk 1 of 1 "},
		"altered":           {priv, []string{good, b64(raw), good}, ErrWrongKey, "chunk 2 of 3 "},
		"another's":         {other, []string{good}, ErrWrongKey, "chunk 1 of 1 "},
		"another's, mixed":  {priv, []string{good, encrypt(&other.PublicKey)}, ErrWrongKey, "chunk 2 of 2 "},
		"larger than key":   {priv, []string{b64(bytes.Repeat([]byte{255}, 512))}, ErrWrongKey, "chunk 1 of 1 "},
		"zeros":             {priv, []string{b64(make([]byte, 512))}, ErrWrongKey, "chunk 1 of 1 "},
		"with a label":      {priv, []string{b64(labelled)}, ErrWrongKey, "chunk 1 of 1 "},
		"URL-safe base64":   {priv, []string{strings.Repeat("-_", 342)}, ErrNotBase64, "chunk 1 of 1 "},
		"something hostile": {priv, []string{"\x1b[31m" + text}, ErrNotBase64, "chunk 1 of 1 "},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Decrypt(tc.key, tc.chunks)
			if !errors.Is(err, tc.want) || got != nil {
				t.Fatalf("%q, %v; want %v", got, err, tc.want)
			}
			if !strings.HasPrefix(err.Error(), tc.at+tc.want.Error()) {
				t.Errorf("%v", err)
			}
			silent(t, err, append(tc.chunks, text)...)
		})
	}
}

// silent fails when an error contains what it must not, whole or in part.
func silent(t testing.TB, err error, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		for len(s) >= 12 {
			if strings.Contains(err.Error(), s[:12]) {
				t.Fatalf("the error tells %q: %v", s[:12], err)
			}
			s = s[4:]
		}
	}
}
