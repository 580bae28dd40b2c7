// Package gcsblob is Google Cloud Storage as a bucket of gocloud.dev/blob, by
// its JSON API: what gs:// means in URLs of buckets.
//
// That project's own driver brings gRPC and everything around it. In the one
// binary that is also the agent in every node, these would be 24 MB, and 25 MiB
// of memory in each Pod, for six kinds of requests. Copying and signed URLs are
// left out, as nothing asks for them.
//
// Credentials are those that Google's own programs find: a service account that
// is bound to the Pod's (workload identity), or the file that
// GOOGLE_APPLICATION_CREDENTIALS names. STORAGE_EMULATOR_HOST leads to another
// server, without credentials.
package gcsblob
