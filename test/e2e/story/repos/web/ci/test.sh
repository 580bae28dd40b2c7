#!/bin/sh
# Tests every page together with acme/api as it will be when this is merged:
# Gozer puts that beside this repository. What the change itself touches comes
# first, so that it fails before those that stand on it.
set -eu

api=$(ls -d "$GOZER_SRC_DIR"/*/acme/api)
failed=0

step() {
	echo "-- $1"
	sleep 3
}

# pages FILE...: asks acme/api for each.
pages() {
	for page; do
		[ -f "$page" ] || continue
		read -r route want <"$page"
		got=404
		[ ! -f "$api/routes/$route.route" ] || read -r got <"$api/routes/$route.route"
		if [ "$got" = "$want" ]; then
			printf 'ok     %-16s GET /%s %s\n' "$(basename "$page" .page)" "$route" "$got"
		else
			echo "$page:1: error: GET /$route: want $want, got $got"
			failed=1
		fi
	done
	[ "$failed" = 0 ] || exit 1
}

step 'build the pages'
step "start acme/api at $(git -C "$api" log -1 --format='%h, %s')"
# shellcheck disable=SC2046 # names of pages have no spaces
pages $(git diff --name-only HEAD^1 -- pages 2>/dev/null || true)
step 'open a browser'
step 'log in'
pages pages/*.page
