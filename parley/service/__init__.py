"""Parley as a service of the operating system.

While `parley run` runs: `notify` talks with systemd, `readiness` knows when everything is
connected, and `pulse` gives the signs of life. For `parley service`: `plan` finds out what the
service has to do, `choose` which service manager this machine has; `manager` is their Protocol.
`systemd` installs the `unit`, `windows` the `scheduled_task`; `programs` runs their commands.
"""
