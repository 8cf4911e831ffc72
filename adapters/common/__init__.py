"""What all platforms share: every decision that does not depend on a platform is made here, once.

desk           what a message, a command or a button does: from place and person to an effect
               and a text for the person
place          where something happens, and who did it
access         who may ask where, and who is an admin
question       a message's text, quoted message and files as one question
attachments    text files beside a message
control_words  messages that are commands: "stop", "reset"
text_commands  commands typed as text, for places in which a platform allows none
settings       typed settings of a conversation
buttons        which buttons an answer carries
texts          every text that people read, in one wording for all platforms
names          people's names, made harmless
connect        connecting, retrying, and resuming unfinished answers
catch_up       finding and answering what was asked while Parley was not connected
progress       up to which moment messages were handled
handlers       event handlers that run beside each other
"""
