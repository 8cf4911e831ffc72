"""`parley setup`: from nothing to a bot that answers, by questions or by options alone.

wizard      the steps in their order, and what is shown at the end
answers     what the command line answers already
asking      the Protocols by which the steps ask and show; `terminal` has the terminal's
session     what the steps share: the files, the settings in effect, and saving
toml_edit   edits a TOML text and keeps its comments
files       replaces a file at once, privately where it holds secrets
servers     model servers on this machine
model       chooses a model or a server, and downloads the model
tokens      what was pasted: a token, another kind of secret, or something around it
platforms   which of Discord and Slack, and whether tokens are there
discord     token, intents, servers, slash commands
slack       the app's manifest, tokens, scopes
channels    the first message on each platform
service     offers the service of the operating system
mends       what `parley doctor --fix` can put right

Every step begins with what is configured already, so that a set-up that was left in the middle goes
on where it stopped. A step saves what it found out when it ends; nothing is half-written.
"""
