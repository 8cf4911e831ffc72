"""The commands of the program, one file each.

A command's file declares its arguments and help text. Where its work is long, a second file
NAME_work does it, or NAME_report prints what it found; that file is imported only when the command
runs, so that ``--help`` stays fast.
"""
