package secretcrypt

import (
	"bytes"
	"testing"
)

func BenchmarkGenerateKey(b *testing.B) {
	for b.Loop() {
		if _, err := GenerateKey(); err != nil {
			b.Fatal(err)
		}
	}
}

// A large secret of 10 kB, e.g. a kubeconfig.
func BenchmarkEncrypt10kB(b *testing.B) {
	priv, text := testKey(b), bytes.Repeat([]byte("0123456789"), 1000)
	for b.Loop() {
		if _, err := Encrypt(&priv.PublicKey, text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecrypt10kB(b *testing.B) {
	priv := testKey(b)
	chunks, err := Encrypt(&priv.PublicKey, bytes.Repeat([]byte("0123456789"), 1000))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Decrypt(priv, chunks); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePrivateKey(b *testing.B) {
	text := file(b, "private.pem")
	for b.Loop() {
		if _, err := ParsePrivateKey(text); err != nil {
			b.Fatal(err)
		}
	}
}
