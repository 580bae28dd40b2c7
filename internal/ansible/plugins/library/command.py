#!/usr/bin/python
"""The module `command`, which also writes the output to a file while it comes."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = """
module: command
short_description: run a command
description: Runs a command, and writes its output to a file while it comes.
options: {}
author: Gozer
"""

import datetime
import glob
import os
import shlex
import subprocess
import threading

from ansible.module_utils._text import to_bytes, to_native, to_text
from ansible.module_utils.basic import AnsibleModule

# Where the node agent finds the output of a task: gozer node console.
CONSOLE = "/tmp/console-%s.log"
# What is kept of each stream in the result; the log has all.
MAX_OUTPUT = 32 << 20


class Tee(object):
    """Stands between the command and who collects its output."""

    def __init__(self, log_id):
        self.log = None
        self.lock = threading.Lock()
        self.threads = []
        if log_id:
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
                self.log = os.open(CONSOLE % log_id, flags, 0o644)
            except OSError:
                pass  # the output is in the result then

    def attach(self, process):
        """Is called with the process before anybody reads from it."""
        if self.log is None:
            return
        process.stdout = self._through(process.stdout)
        process.stderr = self._through(process.stderr)

    def _through(self, source):
        (out, into) = os.pipe()
        t = threading.Thread(target=self._copy, args=(source, into))
        t.daemon = True
        t.start()
        self.threads.append(t)
        return os.fdopen(out, "rb", 0)

    def _copy(self, source, into):
        pending = b""
        kept = 0
        try:
            while True:
                data = os.read(source.fileno(), 65536)
                if not data:
                    break
                pending = self._lines(pending + data)
                if kept < MAX_OUTPUT:
                    self._write_all(into, data)
                    kept += len(data)
        except OSError:
            pass
        finally:
            if pending:
                self._lines(pending + b"\n")
            os.close(into)

    def _lines(self, data):
        """Writes whole lines at once, so that two streams do not cut each other's."""
        end = data.rfind(b"\n") + 1
        if end == 0 and len(data) > 65536:
            end = len(data)
        if end:
            with self.lock:
                try:
                    self._write_all(self.log, data[:end])
                except OSError:
                    pass  # a full disk must not end the command
        return data[end:]

    def _write_all(self, to, data):
        while data:
            data = data[os.write(to, data):]

    def close(self):
        for t in self.threads:
            t.join(5)


def arguments(module):
    p = module.params
    if p["_uses_shell"]:
        return p["_raw_params"], p["_raw_params"]
    args = p["argv"]
    if args is None:
        args = [to_native(a, errors="surrogate_or_strict", nonstring="simplerepr") for a in shlex.split(p["_raw_params"] or "")]
    return args, args


def not_needed(module):
    """Why the command need not run, and its output then; or None."""
    for name, present in (("creates", True), ("removes", False)):
        path = module.params[name]
        if path and bool(glob.glob(os.path.expanduser(path))) == present:
            state = "exists" if present else "does not exist"
            return "Did not run command since '%s' %s" % (path, state), "skipped, since %s %s" % (path, state)
    return None


def main():
    module = AnsibleModule(
        argument_spec=dict(
            _raw_params=dict(), _uses_shell=dict(type="bool", default=False), argv=dict(type="list", elements="str"),
            chdir=dict(type="path"), executable=dict(), creates=dict(type="path"), removes=dict(type="path"),
            expand_argument_vars=dict(type="bool", default=True), warn=dict(type="bool", default=False),
            stdin=dict(), stdin_add_newline=dict(type="bool", default=True), strip_empty_ends=dict(type="bool", default=True),
            zuul_log_id=dict(type="str"),
        ),
        supports_check_mode=True,
    )
    p = module.params
    result = dict(changed=False, stdout="", stderr="", rc=None, cmd=None, start=None, end=None, delta=None, msg="")
    if not (p["_raw_params"] or "").strip() and not p["argv"]:
        result.update(rc=256, msg="no command given")
        module.fail_json(**result)
    if p["_raw_params"] and p["argv"]:
        result.update(rc=256, msg="only command or argv can be given, not both")
        module.fail_json(**result)
    args, result["cmd"] = arguments(module)
    if p["chdir"]:
        try:
            os.chdir(to_bytes(p["chdir"], errors="surrogate_or_strict"))
        except OSError as e:
            result.update(rc=256, msg="Unable to change directory before execution: %s" % to_text(e))
            module.fail_json(**result)
    reason = not_needed(module)
    if reason:
        result.update(rc=0, msg=reason[0], stdout=reason[1])
        module.exit_json(**result)
    if module.check_mode:
        result.update(rc=0, msg="Command would have run if not in check mode", skipped=not (p["creates"] or p["removes"]), changed=True)
        module.exit_json(**result)
    run(module, args, result)


def run(module, args, result):
    p = module.params
    tee = Tee(p["zuul_log_id"])
    begin = datetime.datetime.now()
    options = dict(executable=p["executable"], use_unsafe_shell=p["_uses_shell"], encoding=None, data=p["stdin"],
                   binary_data=not p["stdin_add_newline"], before_communicate_callback=tee.attach)
    if not p["expand_argument_vars"]:
        options["expand_user_and_vars"] = False
    result["rc"], stdout, stderr = module.run_command(args, **options)
    tee.close()
    end = datetime.datetime.now()
    result.update(start=to_text(begin), end=to_text(end), delta=to_text(end - begin), changed=True)
    for name, data in (("stdout", stdout), ("stderr", stderr)):
        text = to_text(data)
        result[name] = text.rstrip("\r\n") if p["strip_empty_ends"] else text
    if result["rc"] != 0:
        result["msg"] = "non-zero return code"
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
