// Package logstore keeps the logs of builds as files and serves them over HTTP
// (Zuul: log streaming and the logs server, in one).
//
//	<dir>/<namespace>/<build>/<attempt>.log     the bytes, only ever appended to
//	<dir>/<namespace>/<build>/<attempt>.final   exists when nothing more will come
//
// An executor appends at an offset. Sending the same bytes again is harmless,
// and sending beyond the end is answered with the size that is there, so either
// side may be killed at any moment and go on where the other is. Readers may
// follow a log until it is final.
//
// One process owns a directory at a time; nothing but the files is kept. A log
// is written by code of strangers: it is served as plain text that no browser
// will take for anything else.
package logstore
