"""What all platforms share: every decision that does not depend on a platform is made here, once.

Where a message enters, and what becomes of it:

desk             every event of a platform: a message that was posted, edited or deleted
addressing       whether a message is for the bot
asking           a question of a message, asked of the engine
operations       what commands and buttons do
catch_up         what was asked while Parley was not connected is found and handled as events are
progress         up to which moment messages were handled

What the desk needs of a platform, and what it is told:

platform         the Protocol that an adapter implements; what is known of a message
place            where something happens, and who did it
rules, access    what the configuration allows: who may ask where, and who is an admin
direct           messages to one person alone

A question's text:

question         a message as the platform shows it
composing        a question of a message, what it points at, and its files
pointed          what a question points at: a reply's message, forwards, embeds, polls
known            what the database knows of a message
attachments      text files beside a message
coming           messages that may become questions and can still be withdrawn
surroundings     bounds on what is read around a question
transcripts      how a platform reads what was said in a place
since            since when: as people type it

Commands, buttons and what people read:

control_words    messages that are commands: "stop", "reset"
text_commands    commands typed as text, for places in which a platform allows none
settings         typed settings of a conversation
model_choice     the model of a conversation
summaries        what was said, summed up for one person
export           a person's own data, in a direct message
buttons          which buttons an answer carries
texts            every text that people read, in one wording for all platforms

Around it:

connect          connecting, retrying, and resuming unfinished answers
handlers         event handlers that run beside each other
checkup          what `parley doctor` checks in the same way on every platform
log_lines        lines of the log that stay few
"""
