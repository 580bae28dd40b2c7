package e2e

// What the two repositories and the one that configures them begin with.

// acrossPipelines gate changes of both code hosts. GitHub is told of the check by
// statuses, and of the gate by checks: both ways are used.
const acrossPipelines = `- pipeline:
    name: check
    manager: independent
    trigger:
      gitea: &proposed
        - event: pull_request
          action: [opened, changed, reopened]
      github: *proposed
    start:
      gitea: {status: pending}
      github: {status: pending}
    success:
      gitea: {status: success}
      github: {status: success}
    failure:
      gitea: {status: failure, comment: true}
      github: {status: failure, comment: true}

- pipeline:
    name: gate
    manager: dependent
    supercedes: check
    post-review: true
    trigger:
      gitea: &approved
        - event: pull_request_review
          action: submitted
          state: approved
      github: *approved
    require:
      gitea: &merges
        open: true
        current-patchset: true
        review:
          - type: approved
            permission: write
      github: *merges
    start:
      gitea: {status: pending}
      github: {check: in_progress}
    success:
      gitea: {status: success, comment: true, merge: true}
      github: {check: success, comment: true, merge: true}
    failure:
      gitea: {status: failure, comment: true}
      github: {check: failure, comment: true}
    window: 20

- queue:
    name: integrated

- nodeset:
    name: one
    nodes: [{name: node, label: debian}]

- job:
    name: base
    parent: null
    nodeset: one
    timeout: 300
    attempts: 3
`

// acrossJobs are those of one repository, whose workspace has the other one: %[1]s
// is the job's name, %[2]s the other repository.
const acrossJobs = `- job:
    name: %[1]s
    run: ci/test.sh
    required-projects:
      - %[2]s

- project:
    queue: integrated
    check:
      jobs: [%[1]s]
    gate:
      jobs: [%[1]s]
`

// acrossScript tests one repository with what the other one will be. %s is the other one.
const acrossScript = `#!/bin/sh
# Every file in needs/ names a file that the other repository must have.
set -eu

other=$(ls -d "$GOZER_SRC_DIR"/*/%s)
for what in 'build it' 'start both' 'use it'; do
	echo "-- $what"
	sleep 2
done
for need in needs/*; do
	[ -f "$need" ] || continue
	read -r file <"$need"
	if [ ! -f "$other/$file" ]; then
		echo "$need:1: error: the other repository has no $file"
		exit 1
	fi
	echo "ok     $need: $file is there"
done
`
