"""Tells the module `command` where to put its output while it runs."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action.command import ActionModule as Builtin


class ActionModule(Builtin):
    def run(self, tmp=None, task_vars=None):
        task_vars = task_vars or {}
        off = boolean(self._templar.template("{{ zuul_console_disabled | default(false) }}"), strict=False)
        if not off and "ansible_loop_var" not in task_vars and not self._task.async_val:
            host = "".join(c if c.isalnum() or c in "-." else "_" for c in str(task_vars.get("inventory_hostname", "")))
            self._task.args["zuul_log_id"] = "%s-%s" % (os.environ.get("GOZER_LOG_ID", ""), host)
        return super(ActionModule, self).run(tmp, task_vars)
