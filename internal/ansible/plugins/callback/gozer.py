"""Writes what happens in a playbook as JSON lines; the executor reads them.

A line of events begins with the character RS, which tells it from what else is
written to standard output.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = """
    name: gozer
    type: stdout
    short_description: events as JSON lines
    description: Writes what happens in a playbook as JSON lines.
"""

import json
import os
import sys

from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.playbook.block import Block
from ansible.plugins.callback import CallbackBase

RS = "\x1e"
# More than this of one result is not passed on.
MAX_EVENT = 1 << 20
COMMANDS = (
    "command", "shell",
    "ansible.builtin.command", "ansible.builtin.shell",
    "ansible.legacy.command", "ansible.legacy.shell",
)
# Of results: what only Ansible itself needs, and arguments, which may be large.
INTERNAL = ("invocation", "zuul_log_id", "ansible_facts", "diff")


def rescuable(task):
    parent = task._parent
    while parent is not None:
        if isinstance(parent, Block) and parent.rescue:
            return True
        parent = getattr(parent, "_parent", None)
    return False


def shortened(value, limit):
    """The value with long texts and lists cut, so that it has an end."""
    if isinstance(value, dict):
        return dict((k, shortened(v, limit)) for k, v in list(value.items())[:limit])
    if isinstance(value, (list, tuple)):
        return [shortened(v, limit) for v in value[:limit]]
    if isinstance(value, str) and len(value) > limit:
        return value[:limit] + " [cut: %d characters]" % len(value)
    return value


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "gozer"

    def __init__(self):
        super(CallbackModule, self).__init__()
        self._play = None
        self._starts = {}

    def _emit(self, event, **fields):
        fields["event"] = event
        text = self._dump(fields)
        limit = 4096
        while len(text) > MAX_EVENT and limit > 16:
            fields["result"] = shortened(fields.get("result", {}), limit)
            text = self._dump(fields)
            limit //= 4
        sys.stdout.write(RS + text + "\n")
        sys.stdout.flush()

    def _dump(self, fields):
        return json.dumps(fields, cls=AnsibleJSONEncoder, sort_keys=True, skipkeys=True, default=None)

    def v2_playbook_on_play_start(self, play):
        self._play = play
        self._emit("play", name=play.get_name().strip(), id=str(play._uuid))

    def v2_playbook_on_include(self, included_file):
        for host in included_file._hosts:
            self._emit("include", host=host.name, name=included_file._filename)

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._task_start(task)

    def v2_playbook_on_handler_task_start(self, task):
        self._task_start(task)

    def v2_playbook_on_cleanup_task_start(self, task):
        self._task_start(task)

    def _task_start(self, task):
        count = self._starts.get(task._uuid, 0)
        self._starts[task._uuid] = count + 1
        # The worker is forked after this, and has the number from here.
        log_id = "%s-%d" % (task._uuid, count)
        os.environ["GOZER_LOG_ID"] = log_id
        fields = dict(id=str(task._uuid), name=self._task_name(task), loop=bool(task.loop), action=task.action)
        if task.action in COMMANDS and not task.loop and not task.async_val:
            fields["log"] = log_id
            fields["hosts"] = self._hosts(task)
        self._emit("task", **fields)

    def _task_name(self, task):
        name = task.get_name().strip()
        if task.no_log:
            return name
        args = task.args or {}
        if args.get("_uses_shell") and name == "command":
            name = "shell"
        raw = str(args.get("_raw_params", "")).split("\n")
        if len(raw) == 1 and name in ("command", "shell"):
            name = "%s: %s" % (name, raw[0])
        return name

    def _hosts(self, task):
        """Pairs of the host, and where its task runs."""
        manager = self._play.get_variable_manager()
        names = [str(h) for h in (manager._inventory._restriction or [])]
        return [[n, str(task.delegate_to or n)] for n in names]

    def _result(self, event, result, **fields):
        task = result._task
        fields.update(
            id=str(task._uuid), action=task.action, loop=bool(task.loop),
            host=result._host.get_name(), rescuable=rescuable(task), no_log=bool(task.no_log),
        )
        content = dict(result._result)
        delegated = content.get("_ansible_delegated_vars") or {}
        if delegated.get("ansible_host"):
            fields["delegated"] = str(delegated["ansible_host"])
        if content.get("_ansible_no_log"):
            fields["no_log"] = True
        variable = content.get("ansible_loop_var", "item")
        if event.startswith("item_"):
            fields["item"] = content.get("_ansible_item_label", content.get(variable))
        if fields["no_log"]:
            content = dict((k, v) for k, v in content.items() if k in ("changed", "failed"))
            fields.pop("item", None)
        if content.get("_zuul_nolog_return"):
            # A module of a role says that its result is not for the log.
            content = dict((k, v) for k, v in content.items() if k in ("changed", "failed", "msg"))
        self._warnings(content)
        fields["result"] = dict(
            (k, v) for k, v in content.items() if k not in INTERNAL and not k.startswith("_ansible") and not (k == "results" and task.loop)
        )
        self._emit(event, **fields)

    def _warnings(self, content):
        for w in content.pop("warnings", None) or []:
            self._emit("warning", name="[WARNING]: %s" % w)
        for d in content.pop("deprecations", None) or []:
            self._emit("warning", name="[DEPRECATION WARNING]: %s" % (d.get("msg") if isinstance(d, dict) else d))

    def v2_runner_on_ok(self, result):
        self._result("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result("failed", result, ignored=bool(ignore_errors))

    def v2_runner_on_unreachable(self, result):
        self._result("unreachable", result, ignored=bool(getattr(result._task, "ignore_unreachable", False)))

    def v2_runner_on_skipped(self, result):
        self._result("skipped", result)

    def v2_runner_item_on_ok(self, result):
        self._result("item_ok", result)

    def v2_runner_item_on_failed(self, result):
        self._result("item_failed", result)

    def v2_runner_item_on_skipped(self, result):
        self._result("item_skipped", result)

    def v2_runner_retry(self, result):
        self._result("retry", result)

    def v2_playbook_on_no_hosts_matched(self):
        self._emit("warning", name="skipping: no hosts matched")

    def v2_playbook_on_stats(self, stats):
        hosts = dict((h, stats.summarize(h)) for h in stats.processed)
        self._emit("stats", hosts_stats=hosts)
