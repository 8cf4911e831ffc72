"""`parley chat`: a conversation with the model in the terminal."""

from parley import options


def chat(
    conversation: options.Conversation = "terminal",
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Chat with the model in the terminal. The conversation is stored and continued next time.

    Questions can also come from a pipe, one per line; the answers are then plain text.
    """
    from parley.commands.chat_work import chat
    from parley.runtime import configure, run

    settings = configure(config, verbose=verbose, log_to_file=True)
    run(chat(settings, conversation))
