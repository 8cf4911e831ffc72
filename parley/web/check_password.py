"""A script: whether a password is the one of a hash. It reads both as JSON from standard input, so
that they are in no list of processes, and prints JSON."""

import json
import sys

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


def matches(password_hash: str, password: str) -> bool:
    """Whether the hash is that of `password`. False for a hash that is damaged, too. Blocks for
    some 50 ms, and takes the memory that the hash says."""
    try:
        return PasswordHasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError, UnicodeError):
        return False


if __name__ == "__main__":
    print(json.dumps(matches(**json.load(sys.stdin))))
