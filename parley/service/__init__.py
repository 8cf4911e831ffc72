"""Parley as a service of the operating system.

While `parley run` runs: `notify` talks with systemd, `readiness` knows when everything is connected, and
`pulse` gives the signs of life. For `parley service`: `environment` finds the folders and variables of the
service, `unit` writes the systemd unit, `systemd` installs it, `scheduled_task` and `windows` do the
same on Windows, `choose` finds out which of them this machine has, and `report` is what they tell.
"""
