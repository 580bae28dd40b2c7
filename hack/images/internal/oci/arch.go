package oci

import "runtime"

// architecture is this machine's: images hold its programs.
const architecture = runtime.GOARCH
