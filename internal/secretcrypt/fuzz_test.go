package secretcrypt

import (
	"strings"
	"testing"
)

// FuzzDecrypt: nothing that stands in a file makes it panic or tell what it must not.
func FuzzDecrypt(f *testing.F) {
	priv := testKey(f)
	for _, name := range []string{"openssl.txt", "cryptography.txt", "plain.txt", "public.pem"} {
		f.Add(string(file(f, name)))
	}
	f.Add("")
	f.Add("AAAA\nAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		chunks := strings.Split(text, "\n")
		got, err := Decrypt(priv, chunks[:min(len(chunks), 4)])
		if err != nil {
			if got != nil {
				t.Error("text beside an error")
			}
			silent(t, err, text)
		}
	})
}

// FuzzParsePublicKey: what is taken for a key can be written and used, or says that it cannot.
func FuzzParsePublicKey(f *testing.F) {
	for _, name := range []string{"public.pem", "public.pkcs1.pem", "private.pem", "private.locked.pem", "plain.txt"} {
		f.Add(file(f, name))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		pub, err := ParsePublicKey(text)
		if err != nil {
			return
		}
		again, err := EncodePublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := ParsePublicKey(again); err != nil || !same.Equal(pub) {
			t.Fatalf("written and read again it is another key: %v", err)
		}
		_, _ = Encrypt(pub, []byte("text")) // it may refuse, and must not panic
	})
}
