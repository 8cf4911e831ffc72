"""The terminal: `parley chat` with colours and Markdown, or as plain text through pipes.

chat      the chat itself: reads lines, asks the engine, runs the commands
lines     where questions come from: a keyboard or a pipe
slash     the commands, parsed
screen    the `Screen` protocol, and the implementation for terminals (Rich)
plain     the implementation for pipes and files, and a surface that writes plain text
growing   draws one answer while it is streamed
markdown  renders Markdown for the terminal and removes control characters
blocks    splits Markdown into its top-level blocks
report    texts about answers and the context window

Nothing is imported here: `parley chat` shows its prompt before it needs most of these.
"""
