#!/bin/sh
# Copies what the chart derives from config/: run it after `controller-gen`, or
# after an edit of config/rbac. Nothing below charts/gozer/files is edited by hand.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
files=$root/charts/gozer/files
for kind in crd rbac; do
	rm -rf "${files:?}/$kind"
	mkdir -p "$files/$kind"
	cp "$root/config/$kind"/*.yaml "$files/$kind/"
done
