#!/bin/sh
# Tests every page together with acme/api as it will be when this is merged:
# Gozer puts that beside this repository.
set -eu

api=$(ls -d "$GOZER_SRC_DIR"/*/acme/api)
for what in 'build the pages' "start acme/api at $(git -C "$api" log -1 --format='%h, %s')" 'open a browser'; do
	echo "-- $what"
	sleep 3
done
failed=0
for page in pages/*.page; do
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
exit $failed
