#!/bin/sh
# Tests that every route answers with a status that HTTP has.
set -eu

for what in 'compile the service' 'start it' 'wait until it answers'; do
	echo "-- $what"
	sleep 3
done
failed=0
for route in routes/*.route; do
	read -r status <"$route"
	case $status in
	[1-5][0-9][0-9]) printf 'ok     GET /%-12s %s\n' "$(basename "$route" .route)" "$status" ;;
	*)
		echo "$route:1: error: $status is no status of HTTP"
		failed=1
		;;
	esac
done
exit $failed
