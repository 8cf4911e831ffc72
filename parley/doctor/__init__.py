"""Diagnosis: whether everything that the settings ask for is there and works, with the remedy.

`checkup` runs all checks; the other modules hold them by area, each a function that returns
`bot.checks.Result`s. `selftest` runs the demo model on the device. `parley.commands.doctor_report`
prints what they found. What only the model's Python interpreter knows (libraries, devices) is asked
in a process of its own, so that a library that crashes or hangs is a finding.
"""
