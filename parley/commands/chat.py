"""`parley chat`: a conversation with the model in the terminal."""

from parley import options


def chat(
    conversation: options.Conversation = "terminal",
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Talk with the model. The conversation is remembered.

    Questions can also come from a pipe, a line each; the answers are plain text then.
    """
    from parley.commands.chat_work import chat
    from parley.runtime import run, started

    settings = started(config, verbose=verbose, log_to_file=True)
    run(chat(settings, conversation))
