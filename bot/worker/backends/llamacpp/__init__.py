"""The llama.cpp backend: GGUF files, run by a ``llama-server`` that the worker starts.

    backend      the Protocol: requests in, token ids out
    stream       one answer: a request to the server and the events that come back
    server       the server's process: start, readiness, log, requests, end
    launch       the small program between worker and server, so that neither outlives the other
    binary       finds a llama-server and what it can do
    device       the device of the settings among those that the server sees
    arguments    the server's command line
    sizing       how many context windows fit the memory
    gguf_header  what the above need to know of a GGUF file
    probe        what the doctor asks: the binary, its version and its devices

The server gets and returns token ids: chat format and tokenizer are those of the bot's process. No
package is needed, only the program.
"""
