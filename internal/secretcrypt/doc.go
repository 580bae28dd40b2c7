// Package secretcrypt encrypts and decrypts the values of secrets that stand in
// configuration files (Zuul: `!encrypted/pkcs1-oaep`, zuul-client encrypt).
//
// A value is text that is cut into chunks; each chunk is encrypted by itself
// with the public RSA key of the project, RSAES-OAEP with SHA-1 and MGF1-SHA-1,
// and written in base64:
//
//	text ──cut──► 470 bytes, 470 bytes, rest ──OAEP──► 512 bytes each ──► base64
//
// SHA-1 is what the format says; OAEP does not need it to be free of collisions.
// Zuul decodes each chunk as UTF-8 by itself, so a cut never goes through a
// character.
//
// Nothing here reads or writes files; who has which key is package projectkeys'
// affair. Errors say which field and which chunk is wrong, and never contain
// text, ciphertext or key material.
package secretcrypt
