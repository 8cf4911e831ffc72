"""The commands of the program, one file each. A file NAME_work or NAME_report holds what a command
does where that is long; it is imported when the command runs, so that ``--help`` comes at once."""
