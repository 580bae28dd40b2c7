package secretcrypt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

func TestParsePublicKey(t *testing.T) {
	want := &testKey(t).PublicKey
	read := func(name string) string { return string(file(t, name)) }
	pkix := func(key any) string {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: pemPKIX, Bytes: der}))
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ text, err string }{
		"PKIX":                {read("public.pem"), ""},
		"PKCS#1":              {read("public.pkcs1.pem"), ""},
		"words before":        {"# key of acme/web\n" + read("public.pem"), ""},
		"Windows' lines":      {strings.ReplaceAll(read("public.pem"), "\n", "\r\n"), ""},
		"private":             {read("private.pem"), "this is a private key"},
		"private, PKCS#8":     {read("private.pkcs8.pem"), "this is a private key"},
		"nothing":             {"", "no key in PEM"},
		"a web page":          {"<html>404</html>", "no key in PEM"},
		"SSH":                 {"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAACA", "no key in PEM"},
		"certificate":         {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), `not "CERTIFICATE"`},
		"damaged":             {string(pem.EncodeToMemory(&pem.Block{Type: pemPKIX, Bytes: []byte("x")})), "damaged"},
		"another form inside": {string(pem.EncodeToMemory(&pem.Block{Type: pemPKIX, Bytes: x509.MarshalPKCS1PublicKey(want)})), "damaged"},
		"no RSA":              {pkix(&curve.PublicKey), "secrets need RSA"},
		"too small":           {pkix(&small.PublicKey), "1024 bits"},
		"too long":            {strings.Repeat(" ", maxPEM+1), "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParsePublicKey([]byte(tc.text))
			if tc.err == "" {
				if err != nil || !got.Equal(want) {
					t.Errorf("%v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%v, want %q", err, tc.err)
			}
			silent(t, err, body(tc.text))
		})
	}
}

// body is the base64 of a PEM block.
func body(text string) string {
	_, after, _ := strings.Cut(text, "-----\n")
	inside, _, _ := strings.Cut(after, "-----END")
	return inside
}

func TestParsePrivateKey(t *testing.T) {
	want := testKey(t)
	read := func(name string) string { return string(file(t, name)) }
	other := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curveDER, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	der := x509.MarshalPKCS1PrivateKey(want)
	for name, tc := range map[string]struct{ text, err string }{
		"PKCS#1":      {read("private.pem"), ""},
		"PKCS#8":      {read("private.pkcs8.pem"), ""},
		"as we write": {string(EncodePrivateKey(want)), ""},
		"locked":      {read("private.locked.pem"), "has a password"},
		"locked, new": {other("ENCRYPTED PRIVATE KEY", der), "has a password"},
		"public":      {read("public.pem"), `not "PUBLIC KEY"`},
		"nothing":     {"", "no key in PEM"},
		"damaged":     {other(pemPKCS1Private, der[:len(der)-3]), errBadPrivate.Error()},
		"wrong form":  {other(pemPKCS8, der), errBadPrivate.Error()},
		"no RSA":      {other(pemPKCS8, curveDER), errBadPrivate.Error()},
		"no numbers":  {other(pemPKCS1Private, append(der[:40:40], make([]byte, len(der)-40)...)), errBadPrivate.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParsePrivateKey([]byte(tc.text))
			if tc.err == "" {
				if err != nil || !got.Equal(want) {
					t.Errorf("%v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%v, want %q", err, tc.err)
			}
			silent(t, err, body(tc.text))
		})
	}
}

// TestKeysAreWrittenAsOthersDo: byte for byte what Python's cryptography writes, as Zuul does.
func TestKeysAreWrittenAsOthersDo(t *testing.T) {
	priv := testKey(t)
	pub, err := EncodePublicKey(&priv.PublicKey)
	if err != nil || string(pub) != string(file(t, "public.pem")) {
		t.Errorf("public: %v", err)
	}
	if string(EncodePrivateKey(priv)) != string(file(t, "private.pem")) {
		t.Error("private")
	}
}

func TestGenerateKey(t *testing.T) {
	priv, err := GenerateKey()
	if err != nil || priv.N.BitLen() != 4096 || priv.E != 65537 {
		t.Fatalf("%v", err)
	}
}

func TestEncryptNeedsAKey(t *testing.T) {
	for name, key := range map[string]*rsa.PublicKey{"none": nil, "empty": {}} {
		if _, err := Encrypt(key, []byte("x")); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
